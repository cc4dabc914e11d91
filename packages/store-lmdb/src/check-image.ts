/**
 * Is this file a whole LMDB database? Asked before LMDB maps it: a cut, emptied or foreign file is
 * answered by LMDB with SIGBUS or SIGSEGV, not with an error.
 *
 * The layout is that of the LMDB in lmdb-js 3.5 (64 bits, little-endian): pages 0 and 1 are metas,
 * and the one with the greater transaction id is in force.
 */

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import {
  DEPTH_MAX,
  HEADER_BYTES,
  NO_PAGE,
  isTailFree,
  treeProblem,
  type Meta,
  type Tree,
} from './check-tree.ts'
import { messageOf, storeFailure } from './store-failure.ts'

const META_BYTES = 168
const PAGE_BYTES_MIN = 512
const PAGE_BYTES_MAX = 65_536
const MAGIC = 0xbeefc0de
const VERSION = 2
const PAGE_META = 0x08
/**
 * No subdirectory, integer keys in the free list: what this store's files have. Others move the
 * map, or sort keys.
 */
const FLAGS = 0x4008

/**
 * Throws `STORE_FAILED` if LMDB must not open this file. Reads the meta pages, and of a file up to
 * `treeBytesMax` every page of the tree: about a second for each GiB. A larger one that ends before
 * its last page is judged by its free list, and read whole where that does not explain it.
 */
export function checkImage(file: string, treeBytesMax: number): void {
  let descriptor: number
  try {
    descriptor = openSync(file, 'r')
  } catch (error) {
    const message = `cannot read ${file}: ${messageOf(error)}; let the node's user read it`
    throw storeFailure('refused', message, { path: file, cause: error })
  }
  try {
    const problem = imageProblem(descriptor, treeBytesMax)
    if (problem === undefined) return
    const help =
      'nothing was changed. Replace this member from its peers: never restore the file by hand'
    throw storeFailure('damaged', `cannot open ${file}: ${problem}; ${help}`, { path: file })
  } finally {
    closeSync(descriptor)
  }
}

/** What is wrong, in words that follow a colon; undefined if nothing is. */
function imageProblem(descriptor: number, treeBytesMax: number): string | undefined {
  const fileBytes = fstatSync(descriptor).size
  if (fileBytes === 0) return 'the file is empty'
  const first = metaOf(descriptor, 0)
  if (typeof first === 'string') return `the first meta page ${first}`
  if (fileBytes < 2 * first.pageBytes) return 'the file is cut off within its meta pages'
  const second = metaOf(descriptor, first.pageBytes)
  if (typeof second === 'string') return `the second meta page ${second}`
  if (first.pageBytes !== second.pageBytes) return 'its meta pages disagree on the size of a page'
  // Each commit adds one, and takes the other page; a copy begins with 0 and an odd number.
  const isPair =
    second.txnId === first.txnId + 1n || first.txnId === second.txnId + 1n || first.txnId === 0n
  const isPlaced = first.txnId % 2n === 0n && (second.txnId % 2n === 1n || second.txnId === 0n)
  if (!isPair || !isPlaced) return 'its meta pages are not of two commits in a row'
  const [newest, older] = second.txnId > first.txnId ? [second, first] : [first, second]
  for (const { root } of [newest.free, newest.main]) {
    if (root !== NO_PAGE && (root < 2n || root > newest.lastPage))
      return 'a root lies outside the file'
  }
  // A number altered downwards would bring back the commit before it; the pages tell.
  for (const meta of [newest, older]) {
    if (isYounger(descriptor, meta, meta.free) || isYounger(descriptor, meta, meta.main)) {
      return 'a meta page has a lower number than the pages it names'
    }
  }
  if (fileBytes <= treeBytesMax) return treeProblem(descriptor, fileBytes, newest)
  // A file may end before its last page: what one commit both allocated and freed at the end is
  // never written. It is common where much is deleted (half of the runs of a test did it), so the
  // length alone proves nothing: what is missing must be free, or else the whole tree has to tell.
  const isShort = (newest.lastPage + 1n) * BigInt(newest.pageBytes) > BigInt(fileBytes)
  if (!isShort || isTailFree(descriptor, fileBytes, newest)) return undefined
  return treeProblem(descriptor, fileBytes, newest)
}

/**
 * Whether the root was written by a later commit than the meta page names. Of a tree that is not
 * there, no.
 */
function isYounger(descriptor: number, meta: Meta, { root }: Tree): boolean {
  const header = Buffer.alloc(HEADER_BYTES)
  if (root > meta.lastPage) return false
  const found = readSync(descriptor, header, 0, HEADER_BYTES, Number(root) * meta.pageBytes)
  return (
    found === HEADER_BYTES &&
    header.readBigUInt64LE(0) === root &&
    header.readBigUInt64LE(8) > meta.txnId
  )
}

/** The meta page at that place, or what is wrong with it. */
function metaOf(descriptor: number, at: number): Meta | string {
  const bytes = Buffer.alloc(HEADER_BYTES + META_BYTES)
  if (readSync(descriptor, bytes, 0, bytes.length, at) !== bytes.length) return 'is cut off'
  if ((bytes.readUInt16LE(18) & PAGE_META) === 0) return 'is not one'
  if (bytes.readUInt32LE(24) !== MAGIC) return 'lacks the mark of LMDB'
  const version = bytes.readUInt32LE(28) & 0xffff
  if (version !== VERSION) return `has LMDB format ${version}, not ${VERSION}`
  const pageBytes = bytes.readUInt32LE(48)
  const isSize =
    pageBytes >= PAGE_BYTES_MIN &&
    pageBytes <= PAGE_BYTES_MAX &&
    (pageBytes & (pageBytes - 1)) === 0
  if (!isSize) return `names pages of ${pageBytes} bytes`
  const flags = bytes.readUInt16LE(52) | bytes.readUInt16LE(100)
  if ((flags & ~FLAGS) !== 0) return `has flags ${flags} that this store does not use`
  const [free, main] = [treeAt(bytes, 48), treeAt(bytes, 96)]
  const depth = Math.max(free.depth, main.depth)
  if (depth > DEPTH_MAX) return `names a tree of ${depth} levels`
  return {
    pageBytes,
    free,
    main,
    lastPage: bytes.readBigUInt64LE(144),
    txnId: bytes.readBigUInt64LE(152),
  }
}

function treeAt(bytes: Buffer, at: number): Tree {
  return {
    depth: bytes.readUInt16LE(at + 6),
    entries: bytes.readBigUInt64LE(at + 32),
    root: bytes.readBigUInt64LE(at + 40),
  }
}
