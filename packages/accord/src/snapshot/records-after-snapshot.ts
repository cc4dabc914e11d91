/**
 * What a node's records become when it installs a snapshot (`protocol.md` 8.4): what the snapshot
 * has applied is applied here, what is closed is dropped, and everything else keeps its vote, its
 * promise and what it accepted, covered or not.
 */

import type { LogEntry } from '../message/message.ts'
import type { Timestamp, TxnId } from '../time/timestamp.ts'
import { AppliedMarks } from '../txn/applied-marks.ts'
import type { Mark } from '../txn/deps.ts'
import { keysOfTxn } from '../txn/txn.ts'
import { emptyRecord, type TxnRecord } from '../txn/txn-record.ts'

/** A snapshot, and the records of the node that installs it. */
export interface SnapshotRecordsParts {
  /** Those that are neither applied nor invalidated. */
  readonly live: readonly TxnRecord[]
  /** Any record, as stored. */
  readonly stored: (id: TxnId) => TxnRecord | undefined
  /** Of the snapshot: its log, or the part of it above its `lastAll`. */
  readonly entries: Iterable<LogEntry>
  /** Of the snapshot. */
  readonly marks: readonly Mark[]
  /** Of the snapshot; ids below it are finished everywhere. */
  readonly closedBefore: Timestamp
}

/** How the records change; those that are named nowhere stay as they are. */
export interface SnapshotRecords {
  /** Applied from now on, without having been executed here. */
  readonly applied: readonly TxnRecord[]
  /** Below `closedBefore`: applied in the snapshot, or never to happen. */
  readonly dropped: readonly TxnId[]
}

/**
 * Pure. Undefined: the snapshot contradicts what this node knows for sure (a transaction with two
 * outcomes), and must not be installed.
 */
export function recordsAfterSnapshot(parts: SnapshotRecordsParts): SnapshotRecords | undefined {
  const applied = new Map<TxnId, TxnRecord>()
  for (const entry of parts.entries) {
    const before = parts.stored(entry.id)
    if (before?.applied === true) continue
    const record = appliedBy(entry, before)
    if (record === undefined) return undefined
    applied.set(entry.id, record)
  }
  const marks = new AppliedMarks(parts.marks)
  const dropped: TxnId[] = []
  for (const record of parts.live) {
    const { id, outcome, keys } = record
    if (applied.has(id)) continue
    if (id < parts.closedBefore) dropped.push(id)
    else if (outcome?.kind === 'decided' && keys !== undefined) {
      if (marks.covers(keys, outcome.executeAt)) applied.set(id, { ...record, applied: true })
    }
  }
  return { applied: [...applied.values()], dropped }
}

/** Whether one with these marks lacks nothing that one with `own` has: it is behind for no key. */
export function marksReach(marks: readonly Mark[], own: readonly Mark[]): boolean {
  const reached = new AppliedMarks(marks)
  return own.every((mark) => reached.resolves(mark))
}

function appliedBy(entry: LogEntry, before: TxnRecord | undefined): TxnRecord | undefined {
  const { id, executeAt, txn, deps } = entry
  const known = before?.outcome
  if (known?.kind === 'invalidated') return undefined
  if (known?.kind === 'decided' && known.executeAt !== executeAt) return undefined
  return {
    ...(before ?? emptyRecord(id)),
    txn,
    keys: keysOfTxn(txn),
    outcome: known ?? { kind: 'decided', executeAt, deps },
    applied: true,
  }
}
