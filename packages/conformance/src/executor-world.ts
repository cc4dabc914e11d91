/**
 * Where an executor is tried: state in memory, agreed places in an order, each execution in a
 * savepoint.
 */

import { epoch, hlc, nodeSerial, timestampOf, type TxnId } from '@synevi/accord'
import type { Bytes, Codec, ExecuteContext, Executor, NodeSerial, Outcome, Range } from 'synevi'
import type { StateReader, Table, TableReader } from 'synevi'
import { check, ConformanceFailure } from './conformance-case.ts'
import { SeededNumbers } from './seeded-numbers.ts'

const KEY_BYTES_MAX = 512
const YEAR_2020_NANOS = 1_577_836_800_000_000_000n

/** What an execution did, as far as nodes compare it. */
export type Ran =
  | { readonly kind: 'outcome'; readonly ok: boolean; readonly value: Bytes }
  | { readonly kind: 'thrown'; readonly message: string }

/** A transaction or a query to run. */
export interface Sample {
  readonly name: string
  readonly payload: Bytes
}

/** State and positions, apart from any executor: give it one for each run. */
export class ExecutorWorld {
  #state: ReadonlyMap<string, Bytes>
  #position: bigint
  /** Uses of a context whose execution had ended. */
  readonly lateUses: string[] = []

  constructor(from?: ExecutorWorld) {
    this.#state = new Map(from === undefined ? [] : from.#state)
    this.#position = from === undefined ? 0n : from.#position
  }

  /** Runs one transaction at the next position. A throw leaves the state as it was. */
  async run(executor: Executor, txn: Sample): Promise<Ran> {
    this.#position++
    const draft = new Map(this.#state)
    const context = new TrialContext(draft, this.#position, this.lateUses)
    const payload = txn.payload.slice()
    try {
      const outcome: unknown = await executor.execute({ name: txn.name, payload }, context)
      checkOutcome(outcome, txn.name)
      this.#state = draft
      return { kind: 'outcome', ok: outcome.ok, value: outcome.value.slice() }
    } catch (error) {
      if (error instanceof ConformanceFailure) throw error
      return { kind: 'thrown', message: error instanceof Error ? error.message : String(error) }
    } finally {
      context.end()
      check(Buffer.compare(payload, txn.payload) === 0, `executing ${txn.name} changed its payload`)
    }
  }

  /** What a query answers; a throw is thrown. */
  async ask(executor: Executor, query: Sample): Promise<Bytes | undefined> {
    const view = new TrialReader(new Map(this.#state))
    return executor.query?.({ name: query.name, payload: query.payload.slice() }, view)
  }

  /** All keys and values, in order: equal on nodes that agree. */
  image(): string {
    const lines = [...this.#state].sort(([a], [b]) => (a < b ? -1 : 1))
    return lines.map(([key, value]) => `${key}=${Buffer.from(value).toString('hex')}`).join('\n')
  }
}

function checkOutcome(outcome: unknown, name: string): asserts outcome is Outcome {
  const isOutcome =
    typeof outcome === 'object' &&
    outcome !== null &&
    'ok' in outcome &&
    typeof outcome.ok === 'boolean' &&
    'value' in outcome &&
    outcome.value instanceof Uint8Array
  check(isOutcome, `executing ${name} gives no { ok: boolean, value: Uint8Array }`)
}

/** State by the hexadecimal digits of its keys, which sort as the bytes do. */
class TrialReader implements StateReader {
  protected readonly state: Map<string, Bytes>

  constructor(state: Map<string, Bytes>) {
    this.state = state
  }

  get(key: Bytes): Bytes | undefined {
    return this.state.get(nameOf(key))?.slice()
  }

  *scan(range: Range): Iterable<readonly [Bytes, Bytes]> {
    const from = `b${range.from === undefined ? '' : hexOf(range.from)}`
    const until = `b${range.until === undefined ? '~' : hexOf(range.until)}`
    const inside = [...this.state.keys()].filter((key) => key >= from && key < until).sort()
    if (range.reverse === true) inside.reverse()
    for (const key of inside.slice(0, range.limit ?? inside.length)) {
      const value = this.state.get(key)
      const bytes = new Uint8Array(Buffer.from(key.slice(1), 'hex'))
      if (value !== undefined) yield [bytes, value.slice()]
    }
  }

  table<V>(name: string, codec: Codec<V>): TableReader<V> {
    return new TrialTable(this.state, name, codec)
  }
}

class TrialTable<V> implements Table<V> {
  readonly #state: Map<string, Bytes>
  readonly #prefix: string
  readonly #codec: Codec<V>

  constructor(state: Map<string, Bytes>, name: string, codec: Codec<V>) {
    this.#state = state
    this.#prefix = `t${hexOf(Buffer.from(name))}:`
    this.#codec = codec
  }

  get(key: string): V | undefined {
    const value = this.#state.get(this.#prefix + hexOf(Buffer.from(key)))
    return value === undefined ? undefined : this.#codec.decode(value.slice())
  }

  *scan(prefix = ''): Iterable<readonly [string, V]> {
    const start = this.#prefix + hexOf(Buffer.from(prefix))
    for (const name of [...this.#state.keys()].filter((each) => each.startsWith(start)).sort()) {
      const key = Buffer.from(name.slice(this.#prefix.length), 'hex').toString()
      const value = this.get(key)
      if (value !== undefined) yield [key, value]
    }
  }

  put(key: string, value: V): void {
    checkKey(Buffer.byteLength(key))
    const name = this.#prefix + hexOf(Buffer.from(key))
    this.#state.set(name, this.#codec.encode(value).slice())
  }

  delete(key: string): void {
    this.#state.delete(this.#prefix + hexOf(Buffer.from(key)))
  }
}

/** Every value of it follows from the position alone. */
class TrialContext extends TrialReader implements ExecuteContext {
  readonly position: bigint
  readonly coordinator: NodeSerial
  readonly time: bigint
  readonly txnId: TxnId
  readonly id: string
  readonly #lateUses: string[]
  readonly #numbers: SeededNumbers
  #ended = false

  constructor(state: Map<string, Bytes>, position: bigint, lateUses: string[]) {
    super(state)
    this.position = position
    this.#lateUses = lateUses
    this.coordinator = nodeSerial(1 + Number(position % 3n))
    this.time = YEAR_2020_NANOS + position * 1_000_003n
    this.txnId = timestampOf({ epoch: epoch(1), hlc: hlc(position), node: this.coordinator })
    this.id = position.toString(16).padStart(32, '0')
    this.#numbers = new SeededNumbers(Number(position & 0xffff_ffffn))
  }

  get nowMs(): number {
    return Number(this.time / 1_000_000n)
  }

  get random(): { u32(): number; float(): number; bytes(count: number): Bytes } {
    const numbers = this.#numbers
    return {
      u32: () => numbers.u32(),
      float: () => numbers.u32() / 2 ** 32,
      bytes: (count) => numbers.bytes(count),
    }
  }

  uuid(): string {
    const hex = hexOf(this.#numbers.bytes(16))
    const parts = [hex.slice(0, 8), hex.slice(8, 12), `7${hex.slice(13, 16)}`]
    return [...parts, `8${hex.slice(17, 20)}`, hex.slice(20)].join('-')
  }

  /** Never run here: effects are not part of a result. */
  afterApply(_effect: () => void): void {
    this.#use('afterApply')
  }

  override get(key: Bytes): Bytes | undefined {
    this.#use('get')
    return super.get(key)
  }

  put(key: Bytes, value: Bytes): void {
    this.#use('put')
    checkKey(key.length)
    check(value instanceof Uint8Array, 'a value put into the state is not bytes')
    this.state.set(nameOf(key), value.slice())
  }

  delete(key: Bytes): void {
    this.#use('delete')
    this.state.delete(nameOf(key))
  }

  override table<V>(name: string, codec: Codec<V>): Table<V> {
    this.#use('table')
    const table = new TrialTable(this.state, name, codec)
    return {
      get: (key) => this.#used('table.get', table).get(key),
      scan: (prefix) => this.#used('table.scan', table).scan(prefix),
      put: (key, value) => this.#used('table.put', table).put(key, value),
      delete: (key) => this.#used('table.delete', table).delete(key),
    }
  }

  /** The execution is over: what comes now is too late. */
  end(): void {
    this.#ended = true
  }

  #used<T>(what: string, part: T): T {
    this.#use(what)
    return part
  }

  #use(what: string): void {
    if (!this.#ended) return
    this.#lateUses.push(what)
    throw new Error(`the execution has ended: ${what} is too late`)
  }
}

function checkKey(length: number): void {
  const isLegal = length >= 1 && length <= KEY_BYTES_MAX
  check(isLegal, `a key of ${length} bytes: the state has keys of 1 to ${KEY_BYTES_MAX}`)
}

function nameOf(key: Bytes): string {
  return `b${hexOf(key)}`
}

function hexOf(bytes: Bytes): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}
