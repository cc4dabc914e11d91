/** All that can happen to a replica. */

import type { Brand, Bytes, Millis, Nanos, ReadyId } from './brand.ts'
import type { Message, Watermark } from './message/message.ts'
import type { Epoch, NodeSerial, TxnId } from './time/timestamp.ts'
import type { MemberEntry } from './topology/configuration.ts'
import type { Keys } from './txn/keys.ts'

/** The driver's name for a batch it submitted: a number it never uses twice in a process. */
export type SubmissionId = Brand<number, 'SubmissionId'>

/** The driver's name for a read: a number it never uses twice in a process. */
export type ReadId = Brand<number, 'ReadId'>

/**
 * When an input happened. `wall` makes TxnIds and may go back; `elapsed` runs timers and never
 * does.
 */
export interface Instant {
  readonly wall: Nanos
  readonly elapsed: Millis
}

/**
 * What the execution of one transaction left behind; the core passes it on, unread, into the
 * Applied write.
 */
export interface ExecutionResult {
  /** After it. The position may stand still (an empty batch); the hashes may not be empty. */
  readonly watermark: Watermark
  /** Opaque to the core: executor mutations, log entry, request memory. */
  readonly mutations: readonly Mutation[]
}

/** One key of the store. `value` undefined deletes. */
export interface Mutation {
  readonly key: Bytes
  readonly value: Bytes | undefined
}

/** Everything that can happen; a replica changes by nothing else. */
export type Input =
  /** A batch to order. Answered by exactly one Answer, unless the replica stops. */
  | {
      readonly kind: 'submit'
      readonly submission: SubmissionId
      readonly keys: Keys
      readonly payload: Bytes
    }
  /**
   * A change of the membership: the members of the epoch after `expectEpoch`, each that stays, each
   * that is new with a serial above every one given before (`protocol.md` 10.2). Answered by
   * exactly one Answer, unless the replica stops. `force`: also when it would leave no quorum that
   * is reachable and caught up, as far as this node sees.
   */
  | {
      readonly kind: 'reconfigure'
      readonly submission: SubmissionId
      readonly expectEpoch: Epoch
      readonly members: readonly MemberEntry[]
      readonly force: boolean
    }
  /**
   * Wants to know when the state here holds everything that was answered anywhere before now
   * (`protocol.md` 9). Answered by exactly one ReadAnswer, unless it is cancelled or the replica
   * stops; the driver keeps the deadline. Strictly serializable for one key; a read of several must
   * be a transaction.
   */
  | { readonly kind: 'read'; readonly read: ReadId; readonly keys: Keys }
  /** Nobody waits for that read any more. Harmless when it was answered. */
  | { readonly kind: 'cancelRead'; readonly read: ReadId }
  /** A message from a member, decoded and parsed; the frame it came in named this cluster. */
  | { readonly kind: 'receive'; readonly from: NodeSerial; readonly message: Message }
  /**
   * The writes of that Ready, and of every earlier one, are durable. Also said for a Ready without
   * writes.
   */
  | { readonly kind: 'stored'; readonly ready: ReadyId }
  /** The transaction was executed; `result` follows the state left by all executions before it. */
  | { readonly kind: 'executed'; readonly id: TxnId; readonly result: ExecutionResult }
  /** The transaction names what no executor here handles: nothing is applied from here on. */
  | { readonly kind: 'executionBlocked'; readonly id: TxnId; readonly why: string }
  /** The connection to a peer opened or closed. Closed is suspicion at once. */
  | { readonly kind: 'link'; readonly peer: NodeSerial; readonly up: boolean }
  /** The operator holds no feature back any longer: going back ends (ADR 0033). */
  | { readonly kind: 'offer' }
  /** The deadline passed, or anything: time went on. */
  | { readonly kind: 'wake' }
