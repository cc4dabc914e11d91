/** What a node of a core world did, in order: all that a checker or a schedule may look at. */

import type {
  Answer,
  EpochEnd,
  Execution,
  Message,
  NodeSerial,
  Notice,
  ReadAnswer,
  TxnRecord,
} from '@synevi/accord'

/** One thing that a node did. */
export type Effect =
  /** It leaves the node: the facts it states are durable there. */
  | { readonly kind: 'sent'; readonly to: NodeSerial; readonly message: Message }
  /** The record is durable now. `applied`: in the write of its execution. */
  | { readonly kind: 'wrote'; readonly record: TxnRecord; readonly applied: boolean }
  /** It holds the end of an epoch, durably. */
  | { readonly kind: 'ended'; readonly end: EpochEnd }
  /** The executor was given it. Runs ahead of the disk. */
  | { readonly kind: 'executed'; readonly execution: Execution }
  | { readonly kind: 'answered'; readonly answer: Answer }
  /** The state that is durable at this moment may be read. */
  | { readonly kind: 'read'; readonly answer: ReadAnswer }
  | { readonly kind: 'noticed'; readonly notice: Notice }
  /** Everything not durable is gone. */
  | { readonly kind: 'crashed' }
