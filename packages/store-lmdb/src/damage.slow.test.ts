/**
 * Files that a disk, or a hand, has altered: refused or reported, never served, never the death of
 * the process.
 */

import {
  appendFileSync,
  closeSync,
  copyFileSync,
  cpSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs'
import { statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { isSyneviError } from 'synevi'
import { beforeEach, describe, expect, it } from 'vitest'
import { checkImage } from './check-image.ts'
import { LmdbStore } from './lmdb-store.ts'
import { put, remove, scratchPath, text } from './test/scratch.ts'

const PAGE = 4096
/** Of a file of any size, the whole tree. */
const WHOLE = Number.POSITIVE_INFINITY

/** 400 keys of 300 bytes each, and one value of five pages. */
async function filled(path: string): Promise<string> {
  const store = await LmdbStore.open({ path })
  await store.write(
    Array.from({ length: 400 }, (_, index) => put(`key ${index}`, `value ${index} `.repeat(30))),
  )
  await store.write([put('large', new Uint8Array(5 * PAGE).fill(7)), remove('key 3')])
  // Six commits in all: the even meta page is in force.
  for (let more = 0; more < 4; more++) await store.write([put('key 7', 'value 7 '.repeat(30))])
  await store.close()
  return join(path, 'data.mdb')
}

function refused(words: string): unknown {
  return expect.objectContaining({
    code: 'STORE_FAILED',
    message: expect.stringMatching(new RegExp(`${words}.*Replace this member`)),
    details: expect.objectContaining({ reason: 'damaged' }),
  })
}

function overwrite(file: string, at: number, bytes: Uint8Array): void {
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, bytes, 0, bytes.length, at)
  closeSync(descriptor)
}

describe('a file that is not whole', () => {
  let original = ''
  beforeEach(async () => {
    original = await filled(scratchPath('original'))
  })

  it('is refused at every length below the whole', async () => {
    const file = join(scratchPath(), '..', 'cut.mdb')
    const { size } = statSync(original)
    for (let length = 0; length < size; length += length < 2 * PAGE ? 61 : PAGE / 2) {
      copyFileSync(original, file)
      truncateSync(file, length)
      expect(() => checkImage(file, WHOLE), `${length} bytes`).toThrow(refused('cannot open'))
      expect(() => checkImage(file, 0), `${length} bytes`).toThrow(refused('cannot open'))
    }
    copyFileSync(original, file)
    checkImage(file, WHOLE)
    appendFileSync(file, Buffer.alloc(PAGE))
    checkImage(file, WHOLE)
  })

  const metas: readonly (readonly [string, number, readonly number[], string])[] = [
    ['zeros', 0, Array.from({ length: 2 * PAGE }, () => 0), 'the first meta page is not one'],
    ['a first meta without its mark', 24, [0], 'the first meta page lacks the mark'],
    ['a second meta without its mark', PAGE + 24, [0], 'the second meta page lacks the mark'],
    ['a second meta that is no meta', PAGE + 18, [2], 'the second meta page is not one'],
    ['another format of LMDB', 28, [1], 'has LMDB format 1, not 2'],
    ['an absurd page size', 48, [0, 0, 0, 0x40], 'names pages of 1073741824 bytes'],
    ['a page size that is no power of two', 48, [1, 16], 'names pages of 4097 bytes'],
    ['two page sizes', PAGE + 48, [0, 32], 'disagree on the size'],
    ['flags of another kind of database', 100, [4], 'has flags'],
    ['a fixed address', 52, [9], 'has flags'],
    [
      'the number of the commit before the last',
      152,
      [4],
      'has a lower number than the pages it names',
    ],
    ['a number of an older commit', 152, [2], 'not of two commits in a row'],
    ['an odd number in the even place', 152, [7], 'not of two commits in a row'],
    ['a number of a later commit', PAGE + 155, [1], 'not of two commits in a row'],
    ['an absurd depth', 102, [255], 'names a tree of 255 levels'],
  ]
  for (const [name, at, bytes, words] of metas) {
    it(`is refused with ${name}`, () => {
      const file = join(scratchPath(), '..', 'bad.mdb')
      copyFileSync(original, file)
      overwrite(file, at, Uint8Array.from(bytes))
      expect(() => checkImage(file, WHOLE)).toThrow(refused(words))
    })
  }

  it('is refused with roots outside it', () => {
    const file = join(scratchPath(), '..', 'bad.mdb')
    for (const at of [88, 136]) {
      for (const root of [[255, 255], [0], [1]]) {
        copyFileSync(original, file)
        for (const meta of [0, PAGE])
          overwrite(file, meta + at, Uint8Array.from([...root, 0, 0, 0, 0, 0, 0].slice(0, 8)))
        expect(() => checkImage(file, WHOLE), `${at} ${root}`).toThrow(
          refused('a root lies outside'),
        )
      }
    }
  })

  it('is refused when it is not a database at all', () => {
    const file = join(scratchPath(), '..', 'text.mdb')
    for (const content of ['hello', 'x'.repeat(100_000), '\0'.repeat(100_000)]) {
      writeFileSync(file, content)
      expect(() => checkImage(file, WHOLE)).toThrow(refused('cannot open'))
    }
  })

  it('is accepted when only pages that nobody uses are missing at its end', async () => {
    const path = scratchPath()
    let short = 0
    let explained = 0
    for (let seed = 1; seed <= 10; seed++) {
      rmSync(path, { recursive: true, force: true })
      const numbers = randomNumbers(seed)
      const store = await LmdbStore.open({ path, durability: 'process' })
      const names = Array.from(
        { length: 300 + (numbers() % 300) },
        (_, index) => `k${String(index).padStart(6, '0')}`,
      )
      const fill = names.map((name) => put(name, new Uint8Array(200 + (seed % 7) * 50)))
      const someOf = (percent: number): string[] => {
        const chosen = names
          .filter(() => numbers() % 100 < percent)
          .map((name) => [numbers(), name] as const)
        return chosen.sort(([a], [b]) => a - b).map(([, name]) => name)
      }
      await store.write(fill)
      await store.write(someOf(10).map(remove))
      await store.write(someOf(20).map(remove))
      await store.write(fill)
      const doomed = someOf(85)
      await store.write(doomed.map(remove))
      await store.close()
      if (isShort(join(path, 'data.mdb'))) {
        short++
        if (isExplained(join(path, 'data.mdb'))) explained++
      }
      const again = await LmdbStore.open({ path, treeCheckMaxBytes: 0 })
      const left = [...again.scan({})].map(([key]) => Buffer.from(key).toString())
      expect(left).toEqual(names.filter((name) => !doomed.includes(name)))
      await again.write(fill)
      await again.close()
      checkImage(join(path, 'data.mdb'), WHOLE)
    }
    expect(explained, 'no free list explained what was missing').toBeGreaterThan(0)
    expect(short, 'no file ended before its last page: this test shows nothing').toBeGreaterThan(0)
  })
})

describe('a flipped bit', () => {
  it('in any value is reported, with the key, and nothing else is lost', async () => {
    const path = scratchPath()
    const file = await filled(path)
    const content = readFileSync(file)
    for (const index of [0, 17, 399]) {
      const altered = Buffer.from(content)
      // Once where it is in force, perhaps again in a page that is free.
      const value = Buffer.from(`value ${index} `.repeat(30))
      for (let at = content.indexOf(value); at >= 0; at = content.indexOf(value, at + 1)) {
        altered[at + 50] = (altered[at + 50] ?? 0) ^ 4
      }
      writeFileSync(file, altered)
      await using store = await LmdbStore.open({ path })
      const damaged = expect.objectContaining({
        code: 'STORE_FAILED',
        details: { reason: 'damaged', key: Buffer.from(`key ${index}`).toString('hex') },
      })
      expect(() => store.get(text(`key ${index}`))).toThrow(damaged)
      expect(() => [...store.scan({})]).toThrow(damaged)
      expect(store.get(text('key 200'))).toEqual(text('value 200 '.repeat(30)))
      // The record can be replaced.
      await store.write([put(`key ${index}`, 'from a peer')])
      expect([...store.scan({})].length).toBe(400)
    }
  })

  it('anywhere in the file never yields a wrong value, nor hides a key', async () => {
    const path = scratchPath()
    const content = readFileSync(await filled(path))
    const numbers = randomNumbers(7)
    const outcomes = { refused: 0, reported: 0, missing: 0, unharmed: 0 }
    for (let flip = 0; flip < 200; flip++) {
      const altered = Buffer.from(content)
      // Half of them where the trees are, not the values: the first bytes of a page, and its last
      // entry.
      const page = numbers() % (content.length / PAGE)
      const inHead = flip % 2 === 0
      const at = page * PAGE + (inHead ? numbers() % 80 : numbers() % PAGE)
      altered[at] = (altered[at] ?? 0) ^ (1 << (numbers() % 8))
      const copy = scratchCopy(path, flip, altered)
      outcomes[await outcomeOf(copy)]++
      rmSync(copy, { recursive: true })
    }
    expect(outcomes.missing).toBe(0)
    expect(outcomes.refused).toBeGreaterThan(30)
    expect(outcomes.reported).toBeGreaterThan(30)
    expect(outcomes.unharmed).toBeGreaterThan(20)
  })

  it('or a zeroed sector in the tree is refused', async () => {
    const path = scratchPath()
    const content = readFileSync(await filled(path))
    let refusedCount = 0
    for (let at = 2 * PAGE; at < content.length; at += PAGE) {
      const altered = Buffer.from(content)
      altered.fill(0, at, at + 512)
      const copy = scratchCopy(path, at, altered)
      const outcome = await outcomeOf(copy)
      expect(outcome, `page ${at / PAGE}`).not.toBe('missing')
      if (outcome === 'refused') refusedCount++
      rmSync(copy, { recursive: true })
    }
    expect(refusedCount).toBeGreaterThan(20)
  })
})

/** 31 bits at a time, the same for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return state >>> 8
  }
}

function scratchCopy(path: string, number: number, data: Buffer): string {
  const copy = `${path}-${number}`
  cpSync(path, copy, { recursive: true })
  writeFileSync(join(copy, 'data.mdb'), data)
  return copy
}

/**
 * Throws if something wrong was served. A record that is silently absent is for the layers above to
 * notice.
 */
async function outcomeOf(path: string): Promise<'refused' | 'reported' | 'missing' | 'unharmed'> {
  let store: LmdbStore
  try {
    store = await LmdbStore.open({ path })
  } catch (error) {
    if (isSyneviError(error, 'STORE_FAILED')) return 'refused'
    throw error
  }
  try {
    let count = 0
    for (const [key, value] of store.scan({})) {
      const name = Buffer.from(key).toString()
      const index = name.slice(4)
      const expected =
        name === 'large' ? Buffer.alloc(5 * PAGE, 7) : Buffer.from(`value ${index} `.repeat(30))
      if (Buffer.compare(value, expected) !== 0)
        throw new Error(`a wrong value was served for ${name}`)
      count++
    }
    return count === 400 ? 'unharmed' : 'missing'
  } catch (error) {
    if (isSyneviError(error, 'STORE_FAILED')) return 'reported'
    throw error
  } finally {
    await store.close()
  }
}

/**
 * Whether it is accepted without a look at its tree, though it is short: its root is altered for
 * the time of the question.
 */
function isExplained(file: string): boolean {
  const content = readFileSync(file)
  const newest = content.readBigUInt64LE(152) > content.readBigUInt64LE(PAGE + 152) ? 0 : PAGE
  const altered = Buffer.from(content)
  altered[Number(content.readBigUInt64LE(newest + 136)) * PAGE + 18] = 0
  writeFileSync(file, altered)
  try {
    expect(() => checkImage(file, WHOLE)).toThrow(refused('is not the page'))
    checkImage(file, 0)
    return true
  } catch {
    return false
  } finally {
    writeFileSync(file, content)
  }
}

/** Whether the newest meta names a last page beyond the end of the file. */
function isShort(file: string): boolean {
  const metas = Buffer.alloc(2 * PAGE)
  const descriptor = openSync(file, 'r')
  readSync(descriptor, metas, 0, metas.length, 0)
  closeSync(descriptor)
  const newest = metas.readBigUInt64LE(152) > metas.readBigUInt64LE(PAGE + 152) ? 0 : PAGE
  return (Number(metas.readBigUInt64LE(newest + 144)) + 1) * PAGE > statSync(file).size
}
