/** What clients of a simulated cluster do, and what a right answer is. */

import type { Bytes } from '@synevi/accord'
import type { Executor } from 'synevi'
import type { Json } from '../check/history.ts'
import type { Model } from '../check/model.ts'
import type { Prng } from '../prng.ts'

/**
 * One operation of a client. `f` and `asked` name it in the history, `name` and `payload` on the
 * wire.
 */
export type Step =
  | {
      readonly kind: 'submit'
      readonly f: string
      readonly asked: Json
      readonly name: string
      readonly payload: Bytes
    }
  | {
      readonly kind: 'read'
      readonly f: string
      readonly asked: Json
      readonly name: string
      readonly payload: Bytes
      /** `atLeast`: at the greatest position this client knows. */
      readonly consistency: 'linearizable' | 'local' | 'atLeast'
      /** What the history says it was; default `consistency`. Another one plants a bug. */
      readonly claimed?: 'linearizable'
    }
  | { readonly kind: 'barrier' }

/** What the simulated world gives to executors: never anything that a result may depend on. */
export interface ExecutorWorld {
  readonly node: number
  /** A wait that some executions are made to take; undefined for none. */
  pause(): Promise<void> | undefined
  /** Whether this node's results differ from now on: a planted fault. */
  differs(): boolean
}

/** A kind of work. */
export interface Workload {
  /** New executors of one process. */
  executors(world: ExecutorWorld): readonly Executor[]
  /** The kinds of operations that it draws: each is given a weight, or 0. */
  readonly operations: readonly string[]
  /** The next operation of that kind. Must draw everything from `random`. */
  next(operation: string, random: Prng): Step
  /** What an outcome says. */
  answerOf(f: string, ok: boolean, value: Bytes): Json | Promise<Json>
  /** What a query answered, and the position that it claims to show. */
  readOf(f: string, value: Bytes): { readonly value: Json; readonly position: number | undefined }
  /**
   * The operation that an entry of the log is; undefined for one that the workload did not make.
   */
  operationOf(
    name: string,
    payload: Bytes,
  ): { readonly f: string; readonly asked: Json } | undefined
  /**
   * The sequential model; undefined: answers are not judged, only order, durability and agreement.
   */
  model?(): Model
}
