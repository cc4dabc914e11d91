/**
 * What one execution of one request may look at (`ExecuteContext`), and nothing of it once that has
 * ended.
 */

import type { Bytes, NodeSerial, TxnId } from '@synevi/accord'
import type { ExecuteContext, LogPosition, RequestId } from '../contract/executor.ts'
import { SeededRandom } from '../seeded-random.ts'
import { ExecutorWriter, type ExecutorKeys } from '../state/executor-state.ts'
import type { StateSink, TextRange } from '../state/state-source.ts'
import { SyneviError } from '../synevi-error.ts'

/** Where a request stands; all of it agreed. */
export interface RequestPlace {
  /** Of the request, 16 bytes. */
  readonly id: Bytes
  readonly txnId: TxnId
  /** Its place in the batch. */
  readonly index: number
  readonly position: LogPosition
  readonly coordinator: NodeSerial
  readonly time: bigint
}

const NANOS_IN_MS = 1_000_000n

/** One for each execution. Used after {@link close} it throws `INVALID_ARGUMENT`. */
export class RequestContext extends ExecutorWriter implements ExecuteContext {
  readonly txnId: TxnId
  readonly position: LogPosition
  readonly coordinator: NodeSerial
  readonly time: bigint
  readonly #place: RequestPlace
  readonly #guard: Guard
  #random: SeededRandom | undefined
  #effects: (() => void)[] | undefined

  constructor(sink: StateSink, keys: ExecutorKeys, place: RequestPlace) {
    const guard = new Guard(sink)
    super(guard, keys)
    this.#guard = guard
    this.#place = place
    this.txnId = place.txnId
    this.position = place.position
    this.coordinator = place.coordinator
    this.time = place.time
  }

  /** 32 lower-case hexadecimal digits. */
  get id(): RequestId {
    const { id } = this.#place
    return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('hex')
  }

  get nowMs(): number {
    return Number(this.time / NANOS_IN_MS)
  }

  /** The low 16 bits of a TxnId are free: the request's place makes seeds of their own. */
  get random(): SeededRandom {
    this.#random ??= new SeededRandom(this.txnId | BigInt(this.#place.index))
    return this.#random
  }

  uuid(): string {
    const bytes = new Uint8Array(16)
    new DataView(bytes.buffer).setBigUint64(0, (this.time / NANOS_IN_MS) << 16n)
    bytes.set(this.random.bytes(10), 6)
    bytes[6] = 0x70 | ((bytes[6] ?? 0) & 0x0f)
    bytes[8] = 0x80 | ((bytes[8] ?? 0) & 0x3f)
    const hex = Buffer.from(bytes.buffer).toString('hex')
    return [0, 8, 12, 16, 20].map((at, i, all) => hex.slice(at, all[i + 1])).join('-')
  }

  afterApply(effect: () => void): void {
    this.#guard.check()
    this.#effects ??= []
    this.#effects.push(effect)
  }

  /** Registered so far, in order. */
  get effects(): readonly (() => void)[] {
    return this.#effects ?? []
  }

  /** The execution has ended. */
  close(): void {
    this.#guard.isOpen = false
  }
}

/** Lets nothing through once the execution has ended: late writes would belong to another one. */
class Guard implements StateSink {
  isOpen = true
  readonly #sink: StateSink

  constructor(sink: StateSink) {
    this.#sink = sink
  }

  check(): void {
    if (this.isOpen) return
    throw new SyneviError('INVALID_ARGUMENT', 'cannot use the context: its execution has ended', {
      definite: true,
    })
  }

  get(key: string): Bytes | undefined {
    this.check()
    return this.#sink.get(key)
  }

  *scan(range: TextRange): Iterable<readonly [string, Bytes]> {
    this.check()
    for (const pair of this.#sink.scan(range)) {
      yield pair
      this.check()
    }
  }

  put(key: string, value: Bytes): void {
    this.check()
    this.#sink.put(key, value)
  }

  delete(key: string): void {
    this.check()
    this.#sink.delete(key)
  }
}
