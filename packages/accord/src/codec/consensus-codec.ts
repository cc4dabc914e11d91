/**
 * The messages that decide transactions, on the wire (`protocol.md` 4.1): tags, and fields in
 * order.
 */

import { HASH_BYTES_MAX, QUERY_IDS_MAX } from '../message/bounds.ts'
import type { QueryItem, RefusedReason } from '../message/message.ts'
import type { MessageCodecs } from './codec-of-kind.ts'
import type { Reader } from './reader.ts'
import {
  readAccepted,
  readDeps,
  readIds,
  readKeys,
  readList,
  readOptional,
  readTxn,
  readVote,
  writeAccepted,
  writeDeps,
  writeIds,
  writeKeys,
  writeList,
  writeOptional,
  writeTxn,
  writeVote,
} from './txn-codec.ts'
import { readWord, wordsOf, writeWord, type Words } from './words.ts'
import type { Writer } from './writer.ts'

const REASONS: Words<RefusedReason> = wordsOf({
  belowFloor: 1,
  epochClosing: 2,
  tooFarAhead: 3,
  busy: 4,
})
const KNOWN: Words<QueryItem['known']> = wordsOf({ inProgress: 1, known: 2, unknown: 3 })

/** From PreAccept to its answers. */
export const PRE_ACCEPT_CODECS: MessageCodecs<'preAccept' | 'preAcceptOk' | 'refused'> = {
  preAccept: {
    tag: 1,
    write(writer, message) {
      writer.timestamp(message.id)
      writeTxn(writer, message.txn)
    },
    read: (reader) => ({ kind: 'preAccept', id: reader.timestamp(), txn: readTxn(reader) }),
  },
  preAcceptOk: {
    tag: 2,
    write(writer, message) {
      writer.timestamp(message.id)
      writer.timestamp(message.witnessedAt)
      writeOptional(writer, message.deps, writeDeps)
    },
    read: (reader) => ({
      kind: 'preAcceptOk',
      id: reader.timestamp(),
      witnessedAt: reader.timestamp(),
      deps: readOptional(reader, readDeps),
    }),
  },
  refused: {
    tag: 3,
    write(writer, message) {
      writer.timestamp(message.id)
      writeWord(writer, REASONS, message.reason)
    },
    read: (reader) => ({
      kind: 'refused',
      id: reader.timestamp(),
      reason: readWord(reader, REASONS),
    }),
  },
}

/** Proposals under a ballot, and their answers. */
export const ACCEPT_CODECS: MessageCodecs<
  'accept' | 'acceptOk' | 'acceptInvalid' | 'acceptInvalidOk' | 'nack'
> = {
  accept: {
    tag: 4,
    write(writer, message) {
      writer.ballot(message.ballot)
      writer.timestamp(message.id)
      writer.timestamp(message.executeAt)
      writeKeys(writer, message.keys)
    },
    read(reader) {
      const ballot = reader.ballot()
      const id = reader.timestamp()
      const executeAt = reader.timestamp()
      return { kind: 'accept', ballot, id, keys: readKeys(reader), executeAt }
    },
  },
  acceptOk: {
    tag: 5,
    write(writer, message) {
      writer.timestamp(message.id)
      writer.ballot(message.ballot)
      writeOptional(writer, message.deps, writeDeps)
    },
    read: (reader) => ({
      kind: 'acceptOk',
      id: reader.timestamp(),
      ballot: reader.ballot(),
      deps: readOptional(reader, readDeps),
    }),
  },
  acceptInvalid: {
    tag: 6,
    write(writer, message) {
      writer.ballot(message.ballot)
      writer.timestamp(message.id)
    },
    read: (reader) => ({ kind: 'acceptInvalid', ballot: reader.ballot(), id: reader.timestamp() }),
  },
  acceptInvalidOk: {
    tag: 7,
    write(writer, message) {
      writer.timestamp(message.id)
      writer.ballot(message.ballot)
    },
    read: (reader) => ({
      kind: 'acceptInvalidOk',
      id: reader.timestamp(),
      ballot: reader.ballot(),
    }),
  },
  nack: {
    tag: 10,
    write(writer, message) {
      writer.timestamp(message.id)
      writer.ballot(message.promised)
    },
    read: (reader) => ({ kind: 'nack', id: reader.timestamp(), promised: reader.ballot() }),
  },
}

/** Recovery, and the question before it. */
export const RECOVER_CODECS: MessageCodecs<'recover' | 'recoverOk' | 'query' | 'queryOk'> = {
  recover: {
    tag: 8,
    write(writer, message) {
      writer.ballot(message.ballot)
      writer.timestamp(message.id)
      writeOptional(writer, message.txn, writeTxn)
    },
    read: (reader) => ({
      kind: 'recover',
      ballot: reader.ballot(),
      id: reader.timestamp(),
      txn: readOptional(reader, readTxn),
    }),
  },
  recoverOk: {
    tag: 9,
    write(writer, message) {
      writer.timestamp(message.id)
      writer.ballot(message.ballot)
      writeOptional(writer, message.vote, writeVote)
      writeOptional(writer, message.accepted, writeAccepted)
      writeOptional(writer, message.keys, writeKeys)
      writer.flag(message.refused)
      writeOptional(writer, message.txn, writeTxn)
    },
    read: (reader) => ({
      kind: 'recoverOk',
      id: reader.timestamp(),
      ballot: reader.ballot(),
      vote: readOptional(reader, readVote),
      accepted: readOptional(reader, readAccepted),
      keys: readOptional(reader, readKeys),
      refused: reader.flag(),
      txn: readOptional(reader, readTxn),
    }),
  },
  query: {
    tag: 16,
    write(writer, message) {
      writeIds(writer, message.ids, QUERY_IDS_MAX)
      writer.flag(message.wantTxn)
    },
    read: (reader) => ({
      kind: 'query',
      ids: readIds(reader, QUERY_IDS_MAX),
      wantTxn: reader.flag(),
    }),
  },
  queryOk: {
    tag: 17,
    write(writer, message) {
      writeList(writer, message.items, QUERY_IDS_MAX, writeQueryItem)
    },
    read: (reader) => ({
      kind: 'queryOk',
      items: readList(reader, { max: QUERY_IDS_MAX, itemMin: 19, heap: 56 }, readQueryItem),
    }),
  },
}

/** Outcomes: as answers, and announced. */
export const OUTCOME_CODECS: MessageCodecs<'decided' | 'invalidated' | 'truncated' | 'stable'> = {
  decided: {
    tag: 11,
    write(writer, message) {
      writer.timestamp(message.id)
      writer.timestamp(message.executeAt)
      writeKeys(writer, message.keys)
      writeOptional(writer, message.deps, writeDeps)
      writeOptional(writer, message.txn, writeTxn)
    },
    read(reader) {
      const id = reader.timestamp()
      const executeAt = reader.timestamp()
      const keys = readKeys(reader)
      const deps = readOptional(reader, readDeps)
      return { kind: 'decided', id, keys, executeAt, deps, txn: readOptional(reader, readTxn) }
    },
  },
  invalidated: {
    tag: 12,
    write(writer, message) {
      writer.timestamp(message.id)
    },
    read: (reader) => ({ kind: 'invalidated', id: reader.timestamp() }),
  },
  truncated: {
    tag: 13,
    write(writer, message) {
      writer.timestamp(message.id)
      writer.timestamp(message.closedBefore)
    },
    read: (reader) => ({
      kind: 'truncated',
      id: reader.timestamp(),
      closedBefore: reader.timestamp(),
    }),
  },
  stable: {
    tag: 15,
    write(writer, message) {
      writer.timestamp(message.id)
      writer.timestamp(message.executeAt)
      writeKeys(writer, message.keys)
      writeDeps(writer, message.deps)
      writer.shortBytes(message.digest, HASH_BYTES_MAX)
      writeOptional(writer, message.txn, writeTxn)
    },
    read(reader) {
      const id = reader.timestamp()
      const executeAt = reader.timestamp()
      const keys = readKeys(reader)
      const deps = readDeps(reader)
      const digest = reader.shortBytes(HASH_BYTES_MAX)
      const txn = readOptional(reader, readTxn)
      return { kind: 'stable', id, keys, executeAt, deps, digest, txn }
    },
  },
}

function writeQueryItem(writer: Writer, item: QueryItem): void {
  writer.timestamp(item.id)
  writeWord(writer, KNOWN, item.known)
  writer.varint(item.token)
  writeOptional(writer, item.txn, writeTxn)
}

function readQueryItem(reader: Reader): QueryItem {
  return {
    id: reader.timestamp(),
    known: readWord(reader, KNOWN),
    token: reader.varint(),
    txn: readOptional(reader, readTxn),
  }
}
