/** The cases themselves, and our executors against them. */

import { Kv, KvExecutor, Noop, NoopExecutor, bytesCodec } from 'synevi'
import type { Bytes, ExecuteContext, Executor, Outcome, StateReader } from 'synevi'
import { describe, expect, it } from 'vitest'
import { executorCases, type ExecutorFixture, type MakeExecutor } from './executor-cases.ts'

const text = (value: string): Bytes => new Uint8Array(Buffer.from(value))

const kv: MakeExecutor = () => ({
  executor: KvExecutor,
  transactions: [
    Kv.write({ key: 'a', value: text('1') }),
    Kv.read('a'),
    Kv.cas({ key: 'a', expected: text('1'), value: text('2') }),
    Kv.cas({ key: 'a', expected: text('1'), value: text('3') }),
    Kv.write({ key: 'ä'.repeat(256), value: new Uint8Array(10_000) }),
    Kv.delete('a'),
    Kv.read('a'),
    Kv.cas({ key: 'b', expected: undefined, value: text('4') }),
    Kv.cas({ key: 'b', expected: text('4'), value: undefined }),
  ],
  queries: [Kv.get('a'), Kv.get('ä'.repeat(256))],
})

const noop: MakeExecutor = () => ({
  executor: NoopExecutor,
  transactions: [Noop(text('x')), Noop(new Uint8Array(0))],
})

type Fault =
  | 'none'
  | 'bad name'
  | 'does not handle what it lists'
  | 'handles anything'
  | 'asks the clock'
  | 'keeps a counter'
  | 'differs on strange payloads'
  | 'counts what it threw for'
  | 'writes late'
  | 'reuses its buffer'
  | 'query counts'
  | 'no outcome'
  | 'changes its payload'
  | 'keys too long'

/** Which fault each case must notice, by the beginning of its name. */
const NOTICED: Readonly<Record<string, Fault>> = {
  'its names': 'bad name',
  'it handles every': 'does not handle what it lists',
  'a name it does not': 'handles anything',
  'the same transactions': 'asks the clock',
  'it keeps nothing': 'keeps a counter',
  'a payload that nobody': 'differs on strange payloads',
  'a throw leaves': 'counts what it threw for',
  'it does not use': 'writes late',
  'outcomes do not': 'reuses its buffer',
  'a query answers': 'query counts',
}

describe('executor cases', () => {
  for (const { name, run } of executorCases) {
    it(`a right executor passes: ${name}`, () => run(() => counting('none')))

    it(`a wrong executor fails: ${name}`, async () => {
      const begins = Object.keys(NOTICED).find((start) => name.startsWith(start)) ?? ''
      const fault = NOTICED[begins]
      expect(fault, 'no fault is planted for this case').toBeDefined()
      if (fault === undefined) return
      await expect(run(() => counting(fault))).rejects.toThrow()
    })
  }

  for (const fault of ['no outcome', 'changes its payload', 'keys too long'] as const) {
    it(`every run notices an executor that is wrong so: ${fault}`, async () => {
      const played = executorCases.find(({ name }) => name.startsWith('the same transactions'))
      await expect(played?.run(() => counting(fault))).rejects.toThrow()
    })
  }
})

for (const [name, make] of Object.entries({ KvExecutor: kv, NoopExecutor: noop })) {
  describe(name, () => {
    for (const { name: claim, run } of executorCases) it(claim, () => run(make))
  })
}

/** Adds the length of each payload to a total. Payloads of more than 5 bytes throw. */
function counting(fault: Fault): ExecutorFixture {
  const payloads = [1, 2, 3, 4, 5].map((length) => new Uint8Array(length))
  return {
    executor: new Counting(fault),
    transactions: payloads.map((payload) => ({ name: 'count/add', payload })),
    queries: [{ name: 'count/total', payload: new Uint8Array(0) }],
  }
}

let outside = 0

class Counting implements Executor {
  readonly name: string
  readonly version = 1
  readonly handles: readonly string[]
  readonly #fault: Fault
  readonly #key: Bytes
  readonly #buffer = new Uint8Array(4)
  #count = 0

  constructor(fault: Fault) {
    this.#fault = fault
    this.name = fault === 'bad name' ? 'Count' : 'count'
    const more = fault === 'does not handle what it lists' ? ['count/more'] : []
    this.handles = ['count/add', ...more]
    this.#key = new Uint8Array(fault === 'keys too long' ? 513 : 1)
  }

  execute(txn: { readonly name: string; readonly payload: Bytes }, state: ExecuteContext): Outcome {
    const fault = this.#fault
    const { name, payload } = txn
    if (name !== 'count/add' && fault !== 'handles anything') throw new Error(`unknown: ${name}`)
    if (fault === 'keeps a counter' || fault === 'counts what it threw for') this.#count++
    state.put(text('draft'), payload)
    if (payload.length > 5) {
      throw new Error(fault === 'differs on strange payloads' ? `no, ${outside++}` : 'too long')
    }
    state.delete(text('draft'))
    if (fault === 'changes its payload') payload.fill(1)
    const now = fault === 'asks the clock' ? Date.now() % 1000 : 0
    const total = this.#total(state) + payload.length + this.#count + now
    const buffer = fault === 'reuses its buffer' ? this.#buffer : new Uint8Array(4)
    new DataView(buffer.buffer).setUint32(0, total)
    state.put(this.#key, buffer)
    state.table('totals', bytesCodec).put(state.uuid(), buffer)
    if (fault === 'writes late') setImmediate(() => tryTo(() => state.put(text('late'), buffer)))
    if (fault === 'no outcome') return JSON.parse('{"ok":true}')
    return { ok: true, value: buffer }
  }

  query(_query: { readonly name: string }, view: StateReader): Bytes {
    if (this.#fault === 'query counts') this.#count++
    return Uint8Array.of(this.#total(view) + this.#count)
  }

  #total(view: StateReader): number {
    const stored = view.get(this.#key)
    if (stored === undefined) return 0
    return new DataView(stored.buffer, stored.byteOffset).getUint32(0)
  }
}

function tryTo(call: () => void): void {
  try {
    call()
  } catch {
    // Refused, and noted.
  }
}
