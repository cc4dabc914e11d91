/**
 * The cases themselves: a right store passes all, and each case is failed by a store that is wrong
 * in its way.
 */

import type { Bytes, Mutation, Range, Store, StoreView } from 'synevi'
import { describe, expect, it } from 'vitest'
import { storeCases } from './store-cases.ts'
import type { StoreFixture } from './store-fixture.ts'

/** How a store can be wrong. `none` is right. */
type Fault =
  | 'none'
  | 'never empty'
  | 'empty value lost'
  | 'signed order'
  | 'until included'
  | 'inverted range wraps'
  | 'reverse ignores from'
  | 'limit ignored backwards'
  | '0xff is the end'
  | 'first mutation wins'
  | 'deleting the absent fails'
  | 'views read from the start'
  | 'seen at once'
  | 'seen in parts'
  | 'scan sees later writes'
  | 'second scan ends the first'
  | 'leaks scans'
  | 'hands out its own bytes'
  | 'changes what it is given'
  | 'cuts at 4 MiB'
  | 'splits large writes'
  | 'forgets a deletion'
  | 'takes any key'
  | 'close does not wait'
  | 'writes after close'
  | 'forgets at close'
  | 'view is live'
  | 'closed view reads'
  | 'always full'

/** Which fault each case must notice, by the beginning of its name. */
const NOTICED: Readonly<Record<string, Fault>> = {
  'an empty store': 'never empty',
  'values come back': 'empty value lost',
  'keys are ordered': 'signed order',
  'a range includes': 'until included',
  'a range that ends': 'inverted range wraps',
  'a reverse scan': 'reverse ignores from',
  'a limit counts': 'limit ignored backwards',
  'prefixes end': '0xff is the end',
  'later mutations': 'first mutation wins',
  'deleting what': 'deleting the absent fails',
  'views into': 'views read from the start',
  'a write is seen': 'seen at once',
  'a scan is consistent': 'scan sees later writes',
  'a scan may be left': 'leaks scans',
  'bytes handed out': 'hands out its own bytes',
  'bytes handed in': 'changes what it is given',
  'a value of 8 MiB': 'cuts at 4 MiB',
  'a write of 5,000': 'splits large writes',
  'random writes': 'forgets a deletion',
  'a key of no bytes': 'takes any key',
  'closing waits': 'close does not wait',
  'after closing': 'writes after close',
  'opened again': 'forgets at close',
  'a view shows': 'view is live',
  'a closed view': 'closed view reads',
  'it says how large': 'always full',
}

describe('store cases', () => {
  for (const storeCase of storeCases) {
    it(`a right store passes: ${storeCase.name}`, async () => {
      await storeCase.run(async () => fixtureOf(new TestStore('none')))
    })

    it(`a wrong store fails: ${storeCase.name}`, async () => {
      const begins = Object.keys(NOTICED).find((start) => storeCase.name.startsWith(start)) ?? ''
      const fault = NOTICED[begins]
      expect(fault, 'no fault is planted for this case').toBeDefined()
      if (fault === undefined) return
      await expect(storeCase.run(async () => fixtureOf(new TestStore(fault)))).rejects.toThrow()
    })
  }

  for (const [fault, begins] of [
    ['seen in parts', 'a write is seen'],
    ['second scan ends the first', 'a scan is consistent'],
  ] as const) {
    it(`a store that is wrong so fails: ${fault}`, async () => {
      const storeCase = storeCases.find(({ name }) => name.startsWith(begins))
      await expect(storeCase?.run(async () => fixtureOf(new TestStore(fault)))).rejects.toThrow()
    })
  }
})

function fixtureOf(store: TestStore): StoreFixture {
  return { store, reopen: async () => store.reopened(), dispose: async () => {} }
}

/** A sorted array with one fault. */
class TestStore implements Store {
  readonly #fault: Fault
  #pairs: [Bytes, Bytes][] = []
  #writing: Promise<void> = Promise.resolve()
  #closed = false
  #openScans = 0
  #scanCount = 0

  constructor(fault: Fault) {
    this.#fault = fault
    if (fault === 'never empty') this.#pairs.push([Uint8Array.of(77), Uint8Array.of(7)])
  }

  get(key: Bytes): Bytes | undefined {
    const value = this.#pairs.find(([there]) => Buffer.compare(there, this.#in(key)) === 0)?.[1]
    if (value?.length === 0 && this.#fault === 'empty value lost') return undefined
    return this.#out(value)
  }

  *scan(range: Range): Iterable<readonly [Bytes, Bytes]> {
    if (this.#fault === 'leaks scans' && this.#openScans > 100)
      throw new Error('too many open scans')
    const { reverse = false, limit = Number.POSITIVE_INFINITY } = range
    const mine = ++this.#scanCount
    const inside = this.#pairs.filter(([key]) => this.#holds(range, key))
    if (reverse) inside.reverse()
    let left =
      reverse && this.#fault === 'limit ignored backwards' ? Number.POSITIVE_INFINITY : limit
    this.#openScans++
    for (const pair of inside) {
      if (left-- <= 0) break
      if (this.#fault === 'second scan ends the first' && mine !== this.#scanCount) return
      const value = this.#fault === 'scan sees later writes' ? this.#pending(pair) : pair[1]
      yield [this.#out(pair[0]) ?? pair[0], this.#out(value) ?? value]
    }
    this.#openScans--
  }

  write(batch: readonly Mutation[]): Promise<void> {
    this.#writing = this.#write(batch)
    return this.#writing
  }

  view(): StoreView {
    const image = new TestStore('none')
    image.#pairs = this.#pairs
    let isClosed = false
    const open = (): TestStore => {
      if ((isClosed || this.#closed) && this.#fault !== 'closed view reads')
        throw new Error('the view is closed')
      return this.#fault === 'view is live' ? this : image
    }
    return {
      get: (key) => open().get(key),
      scan: (range) => open().scan(range),
      close: () => {
        isClosed = true
      },
    }
  }

  async close(): Promise<void> {
    if (this.#fault !== 'close does not wait') await this.#writing
    this.#closed = true
  }

  hasRoom(): boolean {
    return this.#fault !== 'always full'
  }

  reopened(): TestStore {
    const store = new TestStore(this.#fault)
    if (this.#fault !== 'forgets at close') store.#pairs = this.#pairs
    return store
  }

  #last: readonly Mutation[] = []

  async #write(batch: readonly Mutation[]): Promise<void> {
    if (this.#closed && this.#fault !== 'writes after close')
      throw Object.assign(new Error('closed'), { code: 'CLOSED' })
    for (const { key } of batch) {
      const legal = key.length > 0 && key.length <= 1024
      if (!legal && this.#fault !== 'takes any key')
        throw Object.assign(new Error('key'), { code: 'STORE_FAILED' })
    }
    this.#last = batch
    if (this.#fault === 'seen at once') this.#applyAll(batch)
    if (this.#fault === 'seen in parts') this.#applyAll(batch.slice(0, batch.length >> 1))
    await new Promise((resolve) => setImmediate(resolve))
    if (this.#fault === 'splits large writes') this.#applyAll(batch.slice(0, 4096))
    else this.#applyAll(batch)
    if (this.#fault === 'changes what it is given') batch[0]?.value?.fill(0)
  }

  #applyAll(batch: readonly Mutation[]): void {
    const ordered = this.#fault === 'first mutation wins' ? batch.toReversed() : batch
    const next = new Map(this.#pairs.map((pair) => [Buffer.from(pair[0]).toString('hex'), pair]))
    for (const { key, value } of ordered) {
      const name = Buffer.from(this.#in(key)).toString('hex')
      if (value !== undefined)
        next.set(name, [this.#in(key).slice(), this.#in(value).slice(0, this.#valueMax())])
      else if (!next.has(name) && this.#fault === 'deleting the absent fails')
        throw new Error('not found')
      else if (this.#fault !== 'forgets a deletion') next.delete(name)
    }
    this.#pairs = [...next.values()].sort(([a], [b]) => this.#compare(a, b))
  }

  #compare(a: Bytes, b: Bytes): number {
    return this.#fault === 'signed order'
      ? Buffer.compare(
          a.map((x) => x ^ 128),
          b.map((x) => x ^ 128),
        )
      : Buffer.compare(a, b)
  }

  #holds({ from, until, reverse }: Range, key: Bytes): boolean {
    const atLeast = from === undefined || Buffer.compare(key, from) >= 0
    const below =
      until === undefined || Buffer.compare(key, until) < (this.#fault === 'until included' ? 1 : 0)
    if (this.#fault === '0xff is the end' && until === undefined && key[0] === 255) return false
    if (this.#fault === 'reverse ignores from' && reverse === true) return below
    const inverted = from !== undefined && until !== undefined && Buffer.compare(from, until) >= 0
    if (inverted && this.#fault === 'inverted range wraps') return atLeast || below
    return atLeast && below
  }

  #pending([key, value]: readonly [Bytes, Bytes]): Bytes {
    return this.#last.find((mutation) => Buffer.compare(mutation.key, key) === 0)?.value ?? value
  }

  #in(bytes: Bytes): Bytes {
    return this.#fault === 'views read from the start'
      ? new Uint8Array(bytes.buffer, 0, bytes.length)
      : bytes
  }

  #out(bytes: Bytes | undefined): Bytes | undefined {
    return this.#fault === 'hands out its own bytes' ? bytes : bytes?.slice()
  }

  #valueMax(): number {
    return this.#fault === 'cuts at 4 MiB' ? 4 * 2 ** 20 : Number.POSITIVE_INFINITY
  }
}
