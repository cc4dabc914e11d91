/**
 * Refuses what no honest peer sends (`protocol.md` 4.1), before a handler sees it.
 *
 * The decoder has checked the form of each value; this looks at how they go together. What depends
 * on state (an epoch that is not open, a ballot too low, an id below a floor) is for the handlers
 * to answer.
 */

import { isZero, type Ballot } from '../time/ballot.ts'
import { epochOf, nodeOf, type NodeSerial, type Timestamp, type TxnId } from '../time/timestamp.ts'
import type { Deps } from '../txn/deps.ts'
import type { Keys } from '../txn/keys.ts'
import type { Txn } from '../txn/txn.ts'
import type { Vote } from '../txn/txn-record.ts'
import {
  ballotFits,
  decidedEntryFits,
  depsFit,
  epochEndFits,
  hashFits,
  idFits,
  keysFit,
  logEntryFits,
  placeFits,
  proposerFits,
  readDepsFit,
  senderFits,
  txnAndKeysFit,
  txnFits,
  watermarkFits,
  type FitsEpochs,
  type Reason,
} from './fits-parts.ts'
import {
  CUT_BYTES,
  CUT_DIGEST_BYTES,
  EPOCH_ENDS_MAX,
  QUERY_IDS_MAX,
  STORE_ID_BYTES,
} from './bounds.ts'
import type { Accept, LogChunk, Message, QueryItem, RecoverOk, WrongEpoch } from './message.ts'
import type { MessageKind, MessageOf } from './message-kind.ts'

export type { FitsEpochs } from './fits-parts.ts'

/** Who said it, and whom the receiver takes for voters, by epoch. */
interface Context {
  readonly from: NodeSerial
  readonly epochs: FitsEpochs
}

/**
 * Why no honest node `from` sends this message, in one sentence for a log; undefined when one may.
 * Pure and total. Membership is judged by the epoch of each id, as far as that epoch is known.
 */
export function fits(message: Message, from: NodeSerial, epochs: FitsEpochs): string | undefined {
  return ruleFor(message.kind, message, { from, epochs })
}

function ruleFor<K extends MessageKind>(kind: K, message: MessageOf[K], context: Context): Reason {
  return RULES[kind](message, context)
}

const RULES: { readonly [K in MessageKind]: (message: MessageOf[K], context: Context) => Reason } =
  {
    preAccept(message, { from, epochs }) {
      if (nodeOf(message.id) !== from) return 'a PreAccept from another node than its coordinator'
      return idFits(message.id, epochs) ?? txnFits(message.txn, message.id)
    },
    preAcceptOk: ({ id, witnessedAt, deps }, context) =>
      replyFits(id, context) ??
      voteFits({ witnessedAt, yes: deps !== undefined }, id, context.from) ??
      (deps && depsFit(deps, { self: id, below: id }, context.epochs)),
    refused: (message, context) => replyFits(message.id, context),
    accept: acceptFits,
    acceptOk: ({ id, ballot, deps }, context) =>
      replyFits(id, context) ??
      ballotFits(ballot, id, context.epochs) ??
      (deps && depsFit(deps, { self: id }, context.epochs)),
    acceptInvalid: (message, context) => requestFits(message, context),
    acceptInvalidOk: (message, context) => raisedReplyFits(message, context),
    recover: (message, context) =>
      requestFits(message, context) ?? txnAndKeysFit(message.txn, undefined, message.id),
    recoverOk: recoverOkFits,
    nack: ({ id, promised }, context) =>
      replyFits(id, context) ?? ballotFits(promised, id, context.epochs),
    decided: (message, { epochs }) => decisionFits(message, epochs),
    invalidated: ({ id }, { epochs }) => idFits(id, epochs),
    truncated({ id, closedBefore }, { epochs }) {
      return (
        idFits(id, epochs) ??
        (id < closedBefore ? undefined : 'Truncated, of an id that is not closed')
      )
    },
    wrongEpoch: wrongEpochFits,
    stable(message, { epochs }) {
      if (message.txn?.kind === 'application' && !sameBytes(message.txn.digest, message.digest)) {
        return 'a digest that is not that of its transaction'
      }
      if (
        message.txn !== undefined &&
        message.txn.kind !== 'application' &&
        message.digest.length > 0
      ) {
        return 'a digest of a transaction without payload'
      }
      if (message.digest.length > 0 && hashFits(message.digest) !== undefined)
        return hashFits(message.digest)
      return decisionFits(message, epochs)
    },
    query({ ids }, { epochs }) {
      if (ids.length === 0 || ids.length > QUERY_IDS_MAX) return 'not 1 to 256 ids'
      return firstReason(ids, (id) => idFits(id, epochs))
    },
    queryOk({ items }, { epochs }) {
      if (items.length > QUERY_IDS_MAX) return 'more than 256 items'
      return firstReason(items, (item) => queryItemFits(item, epochs))
    },
    raiseFloor: ({ floor, since }) => {
      if (epochOf(floor) === 0) return 'a floor of no epoch'
      return since !== undefined && since >= floor ? 'a floor that closes nothing' : undefined
    },
    floorOk: ({ undecided, decided }, { epochs }) =>
      firstReason(undecided, (id) => idFits(id, epochs)) ?? firstReason(decided, decidedEntryFits),
    epochEnd: epochEndFits,
    readDeps: ({ keys }) => keysFit(keys),
    readDepsOk: ({ deps }, { epochs }) => readDepsFit(deps, epochs),
    epochClosing: () => undefined,
    catchUp: () => undefined,
    logChunk: logChunkFits,
    snapshotOffer: ({ digest }) => hashFits(digest),
    snapshotFetch: ({ cut, part }) =>
      cut.length === 0 && part > 0 ? 'a part of no snapshot' : cutFits(cut, 0),
    snapshotPart: ({ cut, digest }) =>
      cutFits(cut, CUT_BYTES) ??
      (digest.length === CUT_DIGEST_BYTES ? undefined : 'a digest that is not 32 bytes'),
    snapshotGone: ({ cut }) => cutFits(cut, 0),
    heartbeat(message) {
      if (message.storeId.length !== STORE_ID_BYTES)
        return 'an identity of a store that is not 16 bytes'
      if (message.knownStoreId.length !== 0 && message.knownStoreId.length !== STORE_ID_BYTES) {
        return 'an identity of a store that is not 16 bytes'
      }
      if (message.finishedEpoch > message.openEpoch) return 'an epoch finished before it was opened'
      if ((message.features.active & ~message.features.requires) !== 0)
        return 'a feature in use that its store does not require'
      return watermarkFits(message.applied)
    },
    amnesia: ({ storeId }) =>
      storeId.length === STORE_ID_BYTES ? undefined : 'an identity of a store that is not 16 bytes',
    hashAt: () => undefined,
    hashAtOk({ txnHash, execHash }) {
      if (txnHash === undefined || execHash === undefined) {
        return txnHash === execHash ? undefined : 'one hash of two'
      }
      return hashFits(txnHash) ?? hashFits(execHash)
    },
    unsupported: () => undefined,
  }

/** An answer that counts: from a member. */
function replyFits(id: TxnId, { from, epochs }: Context): Reason {
  return idFits(id, epochs) ?? senderFits(from, id, epochs)
}

/** A request under the sender's own ballot, above ZERO. */
function requestFits(
  message: { readonly id: TxnId; readonly ballot: Ballot },
  context: Context,
): Reason {
  return replyFits(message.id, context) ?? proposerFits(message.ballot, context.from)
}

/** An answer to a request that is never made under ZERO. */
function raisedReplyFits(
  message: { readonly id: TxnId; readonly ballot: Ballot },
  context: Context,
): Reason {
  if (message.ballot.round === 0) return 'an answer under ballot ZERO, where nobody asks'
  return replyFits(message.id, context) ?? ballotFits(message.ballot, message.id, context.epochs)
}

/** A yes is the id; a no is above it, minted by the voter. */
function voteFits(vote: Vote, id: TxnId, from: NodeSerial): Reason {
  if (vote.yes !== (vote.witnessedAt === id)) return 'a vote that is neither a yes nor a no'
  if (vote.yes) return undefined
  if (nodeOf(vote.witnessedAt) !== from) return 'a vote minted by another node than the voter'
  return placeFits(vote.witnessedAt, id)
}

function acceptFits(message: Accept, context: Context): Reason {
  const { ballot, id, executeAt, keys } = message
  if (isZero(ballot) && nodeOf(id) !== context.from)
    return 'ballot ZERO from another node than the coordinator'
  return (
    replyFits(id, context) ??
    (isZero(ballot) ? undefined : proposerFits(ballot, context.from)) ??
    placeFits(executeAt, id) ??
    keysFit(keys)
  )
}

function recoverOkFits(message: RecoverOk, context: Context): Reason {
  const { id, ballot, vote, accepted, refused } = message
  if (refused && (vote !== undefined || accepted !== undefined))
    return 'refused, and yet voted or accepted'
  const reason =
    raisedReplyFits(message, context) ??
    (vote && voteFits(vote, id, context.from)) ??
    txnAndKeysFit(message.txn, message.keys, id)
  if (reason !== undefined || accepted === undefined) return reason
  const { round, node } = accepted.ballot
  if (round > ballot.round || (round === ballot.round && node > ballot.node)) {
    return 'a value accepted under a higher ballot than was promised'
  }
  if (accepted.value !== 'invalid') {
    return ballotFits(accepted.ballot, id, context.epochs) ?? placeFits(accepted.value, id)
  }
  return isZero(accepted.ballot)
    ? 'invalidity accepted under ballot ZERO'
    : ballotFits(accepted.ballot, id, context.epochs)
}

/** Decided and Stable: a place, deps below it if any, keys and transaction alike. */
function decisionFits(
  message: {
    readonly id: TxnId
    readonly keys: Keys
    readonly executeAt: Timestamp
    readonly deps: Deps | undefined
    readonly txn: Txn | undefined
  },
  epochs: FitsEpochs,
): Reason {
  const { id, keys, executeAt, deps, txn } = message
  return (
    idFits(id, epochs) ??
    placeFits(executeAt, id) ??
    txnAndKeysFit(txn, keys, id) ??
    (deps && depsFit(deps, { self: id, below: executeAt }, epochs))
  )
}

function wrongEpochFits({ open, ends }: WrongEpoch): Reason {
  if (ends === 'snapshot') return undefined
  if (ends.length > EPOCH_ENDS_MAX) return 'more than 16 ends of epochs'
  let before = 0
  for (const end of ends) {
    if (end.epoch <= before || end.epoch >= open) return 'ends of epochs out of order'
    const reason = epochEndFits(end)
    if (reason !== undefined) return reason
    before = end.epoch
  }
  return undefined
}

function queryItemFits(item: QueryItem, epochs: FitsEpochs): Reason {
  if (item.known === 'unknown' && item.txn !== undefined)
    return 'unknown, and yet with its transaction'
  return idFits(item.id, epochs) ?? txnAndKeysFit(item.txn, undefined, item.id)
}

function logChunkFits(message: LogChunk, { epochs }: Context): Reason {
  if (message.more && message.entries.length === 0) return 'more to come, and nothing here'
  let before = message.since
  for (const entry of message.entries) {
    if (entry.executeAt <= before) return 'log entries that do not rise'
    const reason = logEntryFits(entry, epochs)
    if (reason !== undefined) return reason
    before = entry.executeAt
  }
  return undefined
}

function cutFits(cut: Uint8Array, lengthMin: number): Reason {
  if (cut.length === CUT_BYTES || cut.length === lengthMin) return undefined
  return 'a name of a snapshot that is not 16 bytes'
}

function firstReason<T>(items: readonly T[], judge: (item: T) => Reason): Reason {
  for (const item of items) {
    const reason = judge(item)
    if (reason !== undefined) return reason
  }
  return undefined
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
