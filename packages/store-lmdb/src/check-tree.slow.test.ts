/** Each way in which a tree can be wrong, made by hand in a file that was right. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkImage } from './check-image.ts'
import { LmdbStore } from './lmdb-store.ts'
import { put, remove, scratchPath } from './test/scratch.ts'

const PAGE = 4096
const HEADER = 24
const BRANCH = 1
const LEAF = 2

/** A file with two levels, two values in pages of their own, and free pages. */
class TreeFile {
  readonly path: string
  readonly bytes: Buffer
  /** Where the newest meta page begins. */
  readonly meta: number

  constructor(path: string) {
    this.path = path
    this.bytes = readFileSync(path)
    this.meta = this.bytes.readBigUInt64LE(152) > this.bytes.readBigUInt64LE(PAGE + 152) ? 0 : PAGE
  }

  static async make(): Promise<TreeFile> {
    const path = scratchPath()
    await using store = await LmdbStore.open({ path })
    const names = Array.from({ length: 200 }, (_, index) => `k${index}`)
    await store.write(names.map((name) => put(name, new Uint8Array(100))))
    await store.write([put('large a', new Uint8Array(9000)), put('large b', new Uint8Array(9000))])
    await store.write(names.slice(0, 20).map(remove))
    await store.write([put('last', '1')])
    return new TreeFile(join(path, 'data.mdb'))
  }

  get mainRoot(): number {
    return Number(this.bytes.readBigUInt64LE(this.meta + 136))
  }

  get freeRoot(): number {
    return Number(this.bytes.readBigUInt64LE(this.meta + 88))
  }

  /** A leaf of the data. */
  get leaf(): number {
    expect(this.flags(this.mainRoot)).toBe(BRANCH)
    const page = this.bytes.readUInt32LE(this.node(this.mainRoot, 0))
    expect(this.flags(page)).toBe(LEAF)
    return page
  }

  flags(page: number): number {
    return this.bytes.readUInt16LE(page * PAGE + 18)
  }

  nodeCount(page: number): number {
    return this.bytes.readUInt16LE(page * PAGE + 20) / 2
  }

  /** Where an entry of a page begins in the file. */
  node(page: number, index: number): number {
    return page * PAGE + HEADER + this.bytes.readUInt16LE(page * PAGE + HEADER + 2 * index)
  }

  /** Where the value of an entry begins. */
  value(page: number, index: number): number {
    const node = this.node(page, index)
    return node + 8 + this.bytes.readUInt16LE(node + 6)
  }

  /** The entries whose values lie in pages of their own. */
  get bigValues(): readonly number[] {
    const found: number[] = []
    for (let child = 0; child < this.nodeCount(this.mainRoot); child++) {
      const page = this.bytes.readUInt32LE(this.node(this.mainRoot, child))
      for (let index = 0; index < this.nodeCount(page); index++) {
        const isBig = this.bytes.readUInt16LE(this.node(page, index) + 4) === 1
        if (isBig) found.push(this.value(page, index))
      }
    }
    return found
  }

  expectRefused(words: string): void {
    writeFileSync(this.path, this.bytes)
    const refused = expect.objectContaining({
      code: 'STORE_FAILED',
      message: expect.stringContaining(words),
      details: expect.objectContaining({ reason: 'damaged' }),
    })
    expect(() => checkImage(this.path, Number.POSITIVE_INFINITY)).toThrow(refused)
  }
}

describe('a tree is refused', () => {
  it('not while it is right', async () => {
    const { path } = await TreeFile.make()
    checkImage(path, Number.POSITIVE_INFINITY)
  })

  it('whose keys are out of order in a page', async () => {
    const file = await TreeFile.make()
    const place = file.leaf * PAGE + HEADER
    const [first, second] = [file.bytes.readUInt16LE(place), file.bytes.readUInt16LE(place + 2)]
    file.bytes.writeUInt16LE(second, place)
    file.bytes.writeUInt16LE(first, place + 2)
    file.expectRefused(`the keys in page ${file.leaf} are out of order`)
  })

  it('whose branch leads past a key', async () => {
    const file = await TreeFile.make()
    // The separator before the second child becomes greater than the first key there.
    const node = file.node(file.mainRoot, 1)
    const keyEnd = node + 8 + file.bytes.readUInt16LE(node + 6)
    file.bytes[keyEnd - 1] = 255
    file.expectRefused('are out of order')
  })

  it('that hides a key', async () => {
    const file = await TreeFile.make()
    const lower = file.leaf * PAGE + 20
    file.bytes.writeUInt16LE(file.bytes.readUInt16LE(lower) - 2, lower)
    file.expectRefused('its data has 182 entries, and should have 183')
  })

  it('that uses a page twice', async () => {
    const file = await TreeFile.make()
    const [first = 0, second = 0] = file.bigValues
    file.bytes.copy(file.bytes, second, first, first + 24)
    file.expectRefused('is used twice')
  })

  it('whose free list names a page in use', async () => {
    const file = await TreeFile.make()
    const list = file.value(file.freeRoot, file.nodeCount(file.freeRoot) - 1)
    expect(file.bytes.readBigUInt64LE(list)).toBeGreaterThan(0n)
    file.bytes.writeBigUInt64LE(BigInt(file.leaf), list + 8)
    file.expectRefused(`page ${file.leaf} is in use, and its free list says it is free`)
  })

  it('whose free list names a page that does not exist', async () => {
    const file = await TreeFile.make()
    const list = file.value(file.freeRoot, file.nodeCount(file.freeRoot) - 1)
    file.bytes.writeBigUInt64LE(1_000_000n, list + 8)
    file.expectRefused('its free list names page 1000000, which does not exist')
  })

  it('whose free list says it is longer than it is', async () => {
    const file = await TreeFile.make()
    const list = file.value(file.freeRoot, file.nodeCount(file.freeRoot) - 1)
    file.bytes.writeBigUInt64LE(2n ** 40n, list)
    file.expectRefused('a record of its free list is cut off')
  })

  it('that leads in a circle', async () => {
    const file = await TreeFile.make()
    file.bytes.writeUInt32LE(file.mainRoot, file.node(file.mainRoot, 0))
    file.expectRefused('is used twice')
  })

  it('with a page of a later commit', async () => {
    const file = await TreeFile.make()
    file.bytes.writeBigUInt64LE(99n, file.leaf * PAGE + 8)
    file.expectRefused(`page ${file.leaf} is of a later commit`)
  })

  const fields: readonly (readonly [string, (file: TreeFile) => number, number, string])[] = [
    ['a page of another number', ({ leaf }) => leaf * PAGE, 0, 'is not the page of the tree'],
    ['a page of another kind', ({ leaf }) => leaf * PAGE + 18, 4, 'is not the page of the tree'],
    ['an odd count of entries', ({ leaf }) => leaf * PAGE + 20, 7, 'is not the page of the tree'],
    ['free space outside', ({ leaf }) => leaf * PAGE + 23, 255, 'is not the page of the tree'],
    ['an entry outside', ({ leaf }) => leaf * PAGE + HEADER + 1, 255, 'an entry outside of it'],
    [
      'a key that is too long',
      (file) => file.node(file.leaf, 0) + 7,
      255,
      'a key that ends outside',
    ],
    ['a value that is too long', (file) => file.node(file.leaf, 0) + 1, 255, 'ends outside of it'],
    ['an entry of another kind', (file) => file.node(file.leaf, 0) + 4, 2, 'of an unknown kind'],
    ['a value far outside', ({ bigValues }) => (bigValues[0] ?? 0) + 5, 1, 'lies outside the file'],
    [
      'no pages for a value',
      ({ bigValues }) => (bigValues[0] ?? 0) + 16,
      0,
      'lies outside the file',
    ],
    [
      'fewer pages than a value has',
      ({ bigValues }) => (bigValues[0] ?? 0) + 16,
      2,
      'does not hold the value',
    ],
  ]
  for (const [name, place, byte, words] of fields) {
    it(`with ${name}`, async () => {
      const file = await TreeFile.make()
      const at = place(file)
      expect(file.bytes[at]).not.toBe(byte)
      file.bytes[at] = byte
      file.expectRefused(words)
    })
  }
})
