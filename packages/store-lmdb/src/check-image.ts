/**
 * Is this file a whole LMDB database? Asked before LMDB maps it: a cut, emptied or foreign file is answered by
 * LMDB with SIGBUS or SIGSEGV, not with an error.
 *
 * The layout is that of the LMDB in lmdb-js 3.5 (64 bits, little-endian): a page begins with 24 bytes of
 * header; pages 0 and 1 are metas, and the one with the greater transaction id is in force.
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { messageOf, storeFailure } from './store-failure.ts'

const HEADER_BYTES = 24
const META_BYTES = 168
const PAGE_BYTES_MIN = 512
const PAGE_BYTES_MAX = 65_536
const MAGIC = 0xbeefc0de
const VERSION = 2
const NO_PAGE = 0xffff_ffff_ffff_ffffn
/** More levels than any tree of 2^48 pages has. */
const DEPTH_MAX = 32

const PAGE_BRANCH = 0x01
const PAGE_LEAF = 0x02
const PAGE_OVERFLOW = 0x04
const PAGE_META = 0x08
/** The value of the node lies in overflow pages. */
const NODE_BIG = 0x01

interface Meta {
  readonly pageBytes: number
  readonly txnId: bigint
  readonly lastPage: bigint
  /** Of the list of free pages, and of the data. */
  readonly roots: readonly bigint[]
}

/** Throws `STORE_FAILED` if LMDB must not open this file. Reads two pages, and the whole tree only if in doubt. */
export function checkImage(file: string): void {
  let descriptor: number
  try {
    descriptor = openSync(file, 'r')
  } catch (error) {
    throw storeFailure('refused', `cannot read ${file}: ${messageOf(error)}; let the node's user read it`, {
      path: file,
      cause: error,
    })
  }
  try {
    const problem = new Image(descriptor).problem()
    if (problem === undefined) return
    throw storeFailure(
      'damaged',
      `cannot open ${file}: ${problem}; nothing was changed. Replace this member from its peers: never copy or restore the file by hand`,
      { path: file },
    )
  } finally {
    closeSync(descriptor)
  }
}

class Image {
  readonly #descriptor: number
  readonly #fileBytes: number

  constructor(descriptor: number) {
    this.#descriptor = descriptor
    this.#fileBytes = fstatSync(descriptor).size
  }

  /** What is wrong, in words that follow a colon; undefined if nothing is. */
  problem(): string | undefined {
    if (this.#fileBytes === 0) return 'the file is empty'
    const first = this.#meta(0)
    if (typeof first === 'string') return `the first meta page ${first}`
    if (this.#fileBytes < 2 * first.pageBytes) return `the file is cut off within its meta pages`
    const second = this.#meta(first.pageBytes)
    if (typeof second === 'string') return `the second meta page ${second}`
    if (first.pageBytes !== second.pageBytes) return 'its meta pages disagree on the size of a page'
    const newest = second.txnId > first.txnId ? second : first
    for (const root of newest.roots) {
      if (root !== NO_PAGE && (root < 2n || root > newest.lastPage)) return 'a root lies outside the file'
    }
    if ((newest.lastPage + 1n) * BigInt(newest.pageBytes) <= BigInt(this.#fileBytes)) return undefined
    // Legal if the pages at the end were allocated and freed by one commit: LMDB never writes those. About 3 % of
    // commits that delete most of a tree leave such a file.
    return this.#reaches(newest) ? undefined : 'the file is cut off: pages in use are missing at its end'
  }

  #meta(at: number): Meta | string {
    const bytes = this.#read(at, HEADER_BYTES + META_BYTES)
    if (bytes === undefined) return 'is cut off'
    if ((bytes.readUInt16LE(18) & PAGE_META) === 0) return 'is not one'
    if (bytes.readUInt32LE(24) !== MAGIC) return 'lacks the mark of LMDB'
    const version = bytes.readUInt32LE(28) & 0xffff
    if (version !== VERSION) return `has LMDB format ${version}, not ${VERSION}`
    const pageBytes = bytes.readUInt32LE(48)
    const sensible = pageBytes >= PAGE_BYTES_MIN && pageBytes <= PAGE_BYTES_MAX
    if (!sensible || (pageBytes & (pageBytes - 1)) !== 0) return `names pages of ${pageBytes} bytes`
    const depth = Math.max(bytes.readUInt16LE(54), bytes.readUInt16LE(102))
    if (depth > DEPTH_MAX) return `names a tree of ${depth} levels`
    return {
      pageBytes,
      roots: [bytes.readBigUInt64LE(88), bytes.readBigUInt64LE(136)],
      lastPage: bytes.readBigUInt64LE(144),
      txnId: bytes.readBigUInt64LE(152),
    }
  }

  /** Whether every page that the trees use lies within the file. */
  #reaches(meta: Meta): boolean {
    const pending = meta.roots.filter((root) => root !== NO_PAGE)
    let left = meta.lastPage
    for (let page = pending.pop(); page !== undefined; page = pending.pop()) {
      // A damaged tree may have circles.
      if (left-- < 0n || page > meta.lastPage) return false
      const bytes = this.#read(Number(page) * meta.pageBytes, meta.pageBytes)
      const children = bytes === undefined ? undefined : childrenOf(bytes)
      if (children === undefined) return false
      pending.push(...children.pages)
      for (const end of children.ends) {
        if (end * BigInt(meta.pageBytes) > BigInt(this.#fileBytes)) return false
      }
    }
    return true
  }

  #read(at: number, count: number): Buffer | undefined {
    const bytes = Buffer.alloc(count)
    return readSync(this.#descriptor, bytes, 0, count, at) === count ? bytes : undefined
  }
}

/** The pages below a page, and behind the overflow pages of its values. Undefined for what is not a tree page. */
function childrenOf(page: Buffer): { readonly pages: bigint[]; readonly ends: bigint[] } | undefined {
  const flags = page.readUInt16LE(18)
  const lower = page.readUInt16LE(20)
  if ((flags & (PAGE_BRANCH | PAGE_LEAF)) === 0 || (flags & PAGE_OVERFLOW) !== 0) return undefined
  const pages: bigint[] = []
  const ends: bigint[] = []
  for (let index = 0; index < lower >> 1; index++) {
    const place = HEADER_BYTES + 2 * index
    const node = place + 2 <= page.length ? page.readUInt16LE(place) + HEADER_BYTES : page.length
    if (node + 8 > page.length) return undefined
    const nodeFlags = page.readUInt16LE(node + 4)
    if ((flags & PAGE_BRANCH) !== 0) {
      pages.push(BigInt(page.readUInt32LE(node)) | (BigInt(nodeFlags) << 32n))
    } else if ((nodeFlags & NODE_BIG) !== 0) {
      const at = node + 8 + page.readUInt16LE(node + 6)
      if (at + 24 > page.length) return undefined
      ends.push(page.readBigUInt64LE(at) + page.readBigUInt64LE(at + 16))
    }
  }
  return { pages, ends }
}
