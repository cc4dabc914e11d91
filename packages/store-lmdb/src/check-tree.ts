/**
 * Is the tree in this file one that LMDB can walk? LMDB trusts every offset it reads: one flipped
 * bit in a page of the tree may hide records, hand a page out twice, or end the process by a
 * signal. This reads every page of both trees, and compares what is used with what is free. The
 * values themselves have checksums of their own.
 *
 * The layout is that of lmdb-js 3.5: see `check-image.ts`, and `MDB_page`, `MDB_node` and
 * `MDB_ovpage` in its `mdb.c`.
 */

import { readSync } from 'node:fs'

/** Bytes before the contents of each page. */
export const HEADER_BYTES = 24
/** The root of a tree without pages. */
export const NO_PAGE = 0xffff_ffff_ffff_ffffn
/** More levels than any tree of 2^48 pages has. */
export const DEPTH_MAX = 32

/** Pages missing at the end of a file that are still looked up one by one: 4 GiB of them. */
const TAIL_PAGES_MAX = 2 ** 20
const NODE_BYTES = 8
const OVERFLOW_BYTES = 24
const PAGE_BRANCH = 0x01
const PAGE_LEAF = 0x02
const PAGE_OVERFLOW = 0x04
/** The value of the node lies in pages of its own. */
const NODE_BIG = 0x01

/** A tree as the meta page describes it. */
export interface Tree {
  readonly root: bigint
  readonly depth: number
  readonly entries: bigint
}

/** The newest meta page, already found sensible. */
export interface Meta {
  readonly pageBytes: number
  readonly txnId: bigint
  readonly lastPage: bigint
  /** Its keys are 64-bit integers, its values lists of pages. */
  readonly free: Tree
  readonly main: Tree
}

interface Node {
  readonly key: Buffer
  readonly flags: number
  /** Of the value of a leaf's node; of a branch's, the child's number. */
  readonly number: number
  /** Where the value begins in the page. */
  readonly at: number
}

interface Frame {
  readonly page: number
  readonly depth: number
  /** Keys are at least `low`, and below `high`. */
  readonly low: Buffer | undefined
  readonly high: Buffer | undefined
}

/** Thrown inside, never outside: the sentence about a page. */
class Flaw extends Error {}

/** The first thing that is wrong, in words that follow a colon; undefined if nothing is. */
export function treeProblem(descriptor: number, fileBytes: number, meta: Meta): string | undefined {
  try {
    new TreeWalk(descriptor, fileBytes, meta).walk()
    return undefined
  } catch (error) {
    if (error instanceof Flaw) return error.message
    throw error
  }
}

/**
 * Whether every page that the database has beyond the end of the file is in its free list, found in
 * that list alone: then the file ends early, and nothing is missing.
 */
export function isTailFree(descriptor: number, fileBytes: number, meta: Meta): boolean {
  try {
    return new TreeWalk(descriptor, fileBytes, meta).isTailFree()
  } catch (error) {
    if (error instanceof Flaw) return false
    throw error
  }
}

class TreeWalk {
  readonly #descriptor: number
  readonly #meta: Meta
  /** Pages that lie in the file and belong to the database. */
  readonly #pageCount: number
  /** One bit for each page in use. */
  readonly #used: Uint8Array

  constructor(descriptor: number, fileBytes: number, meta: Meta) {
    this.#descriptor = descriptor
    this.#meta = meta
    const inFile = Math.floor(fileBytes / meta.pageBytes)
    this.#pageCount = Math.min(inFile, Number(meta.lastPage) + 1)
    this.#used = new Uint8Array((this.#pageCount >> 3) + 1)
    this.#use(0, 2, 'a meta page')
  }

  walk(): void {
    this.#walkTree(
      this.#meta.main,
      'data',
      (a, b) => Buffer.compare(a, b),
      () => {},
    )
    for (const [first, count] of this.#freePages()) this.#checkFree(first, count)
  }

  isTailFree(): boolean {
    const end = Number(this.#meta.lastPage) + 1
    if (end - this.#pageCount > TAIL_PAGES_MAX) return false
    const found = new Set<number>()
    for (const [first, count] of this.#freePages()) {
      const from = Math.max(first, this.#pageCount)
      for (let page = from; page < Math.min(first + count, end); page++) found.add(page)
    }
    return found.size === end - this.#pageCount
  }

  #freePages(): readonly (readonly [number, number])[] {
    const free: (readonly [number, number])[] = []
    this.#walkTree(this.#meta.free, 'free list', compareIntegers, (value, key) => {
      if (key.length !== 8) throw new Flaw('the free list has a key of another size')
      for (const block of freeBlocks(value)) free.push(block)
    })
    return free
  }

  #walkTree(
    tree: Tree,
    name: string,
    compare: (a: Buffer, b: Buffer) => number,
    onLeaf: (value: Buffer, key: Buffer) => void,
  ): void {
    let entries = 0n
    const wantsValues = tree === this.#meta.free
    const pending: Frame[] = []
    if (tree.root !== NO_PAGE)
      pending.push({ page: Number(tree.root), depth: 1, low: undefined, high: undefined })
    for (let frame = pending.pop(); frame !== undefined; frame = pending.pop()) {
      const { page, depth } = frame
      this.#use(page, 1, name)
      const bytes = this.#read(page, 0, this.#meta.pageBytes)
      if (bytes.readBigUInt64LE(8) > this.#meta.txnId)
        throw new Flaw(`page ${page} is of a later commit than its meta page`)
      const isLeaf = depth === tree.depth
      const nodes = nodesOf(bytes, page, isLeaf ? PAGE_LEAF : PAGE_BRANCH)
      checkOrder(nodes, frame, compare, isLeaf)
      if (isLeaf) {
        entries += BigInt(nodes.length)
        for (const node of nodes) {
          const value = this.#value(bytes, node, page, wantsValues)
          if (value !== undefined) onLeaf(value, node.key)
        }
        continue
      }
      nodes.forEach((node, index) => {
        const low = index === 0 ? frame.low : node.key
        pending.push({
          page: node.number,
          depth: depth + 1,
          low,
          high: nodes[index + 1]?.key ?? frame.high,
        })
      })
    }
    if (entries !== tree.entries)
      throw new Flaw(`its ${name} has ${entries} entries, and should have ${tree.entries}`)
  }

  /** Checks where the value lies, and reads it if wanted. */
  #value(bytes: Buffer, node: Node, page: number, wanted: boolean): Buffer | undefined {
    if (node.flags === 0) {
      if (node.at + node.number > bytes.length)
        throw new Flaw(`a value in page ${page} ends outside of it`)
      return wanted ? bytes.subarray(node.at, node.at + node.number) : undefined
    }
    if (node.flags !== NODE_BIG || node.at + OVERFLOW_BYTES > bytes.length) {
      throw new Flaw(`page ${page} has an entry of an unknown kind`)
    }
    const first = Number(bytes.readBigUInt64LE(node.at))
    const count = Number(bytes.readBigUInt64LE(node.at + 16))
    this.#use(first, count, `a value in page ${page}`)
    const header = this.#read(first, 0, HEADER_BYTES)
    const isRight =
      header.readBigUInt64LE(0) === BigInt(first) &&
      header.readUInt16LE(18) === PAGE_OVERFLOW &&
      header.readUInt32LE(20) === count &&
      node.number <= count * this.#meta.pageBytes - HEADER_BYTES
    if (!isRight) throw new Flaw(`page ${first} does not hold the value that page ${page} says`)
    return wanted ? this.#read(first, HEADER_BYTES, node.number) : undefined
  }

  #use(first: number, count: number, by: string): void {
    if (count < 1 || first + count > this.#pageCount) {
      throw new Flaw(
        `page ${first}, used by ${by}, lies outside the file: it was cut off or altered`,
      )
    }
    for (let page = first; page < first + count; page++) {
      if (this.#isUsed(page)) throw new Flaw(`page ${page} is used twice, by ${by} and before`)
      this.#used[page >> 3] = (this.#used[page >> 3] ?? 0) | (1 << (page & 7))
    }
  }

  /** Free pages may be named twice, and lie beyond the end of the file. */
  #checkFree(first: number, count: number): void {
    if (first < 2 || count < 1 || first + count > Number(this.#meta.lastPage) + 1) {
      throw new Flaw(`its free list names page ${first}, which does not exist`)
    }
    for (let page = first; page < Math.min(first + count, this.#pageCount); page++) {
      if (this.#isUsed(page))
        throw new Flaw(`page ${page} is in use, and its free list says it is free`)
    }
  }

  #isUsed(page: number): boolean {
    return ((this.#used[page >> 3] ?? 0) & (1 << (page & 7))) !== 0
  }

  #read(page: number, from: number, count: number): Buffer {
    const bytes = Buffer.allocUnsafe(count)
    const found = readSync(this.#descriptor, bytes, 0, count, page * this.#meta.pageBytes + from)
    if (found !== count) throw new Flaw(`page ${page} is cut off`)
    return bytes
  }
}

/** The entries of a tree page, each within it. */
function nodesOf(bytes: Buffer, page: number, kind: number): Node[] {
  const lower = bytes.readUInt16LE(20)
  const upper = bytes.readUInt16LE(22)
  const isRight =
    bytes.readBigUInt64LE(0) === BigInt(page) &&
    bytes.readUInt16LE(18) === kind &&
    lower % 2 === 0 &&
    lower <= upper &&
    upper + HEADER_BYTES <= bytes.length
  if (!isRight) throw new Flaw(`page ${page} is not the page of the tree that it should be`)
  const nodes: Node[] = []
  for (let place = HEADER_BYTES; place < HEADER_BYTES + lower; place += 2) {
    const node = bytes.readUInt16LE(place) + HEADER_BYTES
    const at = node + NODE_BYTES
    if (node < upper + HEADER_BYTES || at > bytes.length)
      throw new Flaw(`page ${page} has an entry outside of it`)
    const flags = bytes.readUInt16LE(node + 4)
    const keyEnd = at + bytes.readUInt16LE(node + 6)
    if (keyEnd > bytes.length) throw new Flaw(`page ${page} has a key that ends outside of it`)
    const low = bytes.readUInt32LE(node)
    const number = kind === PAGE_BRANCH ? low + flags * 2 ** 32 : low
    nodes.push({ key: bytes.subarray(at, keyEnd), flags, number, at: keyEnd })
  }
  if (nodes.length === 0) throw new Flaw(`page ${page} is empty`)
  return nodes
}

/** A branch's first key stands for its lower bound, and may be empty. */
function checkOrder(
  nodes: readonly Node[],
  frame: Frame,
  compare: (a: Buffer, b: Buffer) => number,
  isLeaf: boolean,
): void {
  let before: Buffer | undefined
  for (const { key } of isLeaf ? nodes : nodes.slice(1)) {
    const isRight =
      before === undefined
        ? frame.low === undefined || compare(key, frame.low) >= 0
        : compare(key, before) > 0
    if (!isRight) throw new Flaw(`the keys in page ${frame.page} are out of order`)
    before = key
  }
  if (before !== undefined && frame.high !== undefined && compare(before, frame.high) >= 0) {
    throw new Flaw(`the keys in page ${frame.page} are out of order`)
  }
}

function compareIntegers(a: Buffer, b: Buffer): number {
  if (a.length !== 8 || b.length !== 8) throw new Flaw('the free list has a key of another size')
  const left = a.readBigUInt64LE(0)
  const right = b.readBigUInt64LE(0)
  return left < right ? -1 : Number(left > right)
}

/**
 * lmdb-js writes a run of pages as its negative length and its first page, and leaves zeros in
 * between.
 */
function* freeBlocks(list: Buffer): Iterable<readonly [number, number]> {
  const count = list.length < 8 ? -1 : Number(list.readBigUInt64LE(0))
  if (count < 0 || (count + 1) * 8 > list.length)
    throw new Flaw('a record of its free list is cut off')
  let length = 1
  for (let index = 1; index <= count; index++) {
    const entry = Number(list.readBigInt64LE(index * 8))
    if (entry < 0) length = -entry
    else if (entry > 0) {
      yield [entry, length]
      length = 1
    }
  }
}
