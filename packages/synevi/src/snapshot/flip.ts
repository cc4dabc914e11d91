/**
 * The write that makes a staged snapshot the state of the node (`protocol.md` 8.4): the slot, the
 * facts and the records in one. Before it the node has its old state, after it the new one.
 */

import {
  hlcOf,
  marksReach,
  maxTimestamp,
  recordsAfterSnapshot,
  TIMESTAMP_ZERO,
  type FloorState,
  type Hlc,
  type LogEntry,
  type Mark,
  type Mutation,
  type Timestamp,
  type TxnRecord,
  type Watermark,
} from '@synevi/accord'
import type { Store } from '../contract/store.ts'
import { FACT, factKey } from '../state/key-layout.ts'
import { lastLogEntry, logAfter, readLogEntry } from '../state/log-table.ts'
import { readMarks } from '../state/mark-table.ts'
import {
  formatApplied,
  formatBase,
  formatDurableSeq,
  formatFloors,
  formatHlcReserve,
  readApplied,
  readDurableSeq,
  readEpochs,
  readFloors,
  readHlcReserve,
} from '../state/node-facts.ts'
import {
  appliedRecordMutations,
  coveredRecordMutations,
  droppedRecordMutations,
  liveRecords,
  readRecord,
} from '../state/record-table.ts'
import { formatSlots, otherSlot, readSlots, storeOfSlot } from '../state/slots.ts'
import { epochMutations, factMutations, type Manifest } from './manifest.ts'
import { noStaging } from './staging.ts'

/** The write, or why there is none. */
export type Flip =
  | { readonly kind: 'ready'; readonly mutations: readonly Mutation[] }
  /** This node has applied what the snapshot has not: it needs none. */
  | { readonly kind: 'ahead' }
  /** It contradicts what this node knows for sure, or is not whole. */
  | { readonly kind: 'refused'; readonly why: string }

/**
 * What installs the snapshot that is staged in the slot that is not current. Nobody may write to
 * the store between this and the write. Throws `STORE_FAILED`.
 */
export function flipOf(whole: Store, manifest: Manifest): Flip {
  const { current } = readSlots(whole)
  const old = storeOfSlot(whole, current)
  const staged = storeOfSlot(whole, otherSlot(current))
  const { head, base } = manifest
  const own = readApplied(old).watermark
  const marks = readMarks(staged)
  if (head.watermark.position < own.position || !marksReach(marks, readMarks(old)))
    return { kind: 'ahead' }
  const records = recordsAfterSnapshot({
    live: liveRecords(old),
    stored: (id) => readRecord(old, id),
    entries: entriesOf(staged),
    marks,
    closedBefore: manifest.closedBefore,
  })
  if (records === undefined)
    return { kind: 'refused', why: 'it has applied what never happened, or elsewhere in the order' }
  const last = head.watermark.executeAt
  if (!marks.some((mark) => mark.at === last) && last !== TIMESTAMP_ZERO)
    return { kind: 'refused', why: 'its marks do not go as far as its position' }
  const latest = lastLogEntry(staged)?.watermark
  if (latest !== undefined && !sameHeads(latest, head.watermark))
    return { kind: 'refused', why: 'its log does not end as it says' }
  return {
    kind: 'ready',
    mutations: [
      formatSlots({ current: otherSlot(current), otherIsEmpty: false }),
      noStaging(),
      { key: factKey(FACT.diverged), value: undefined },
      ...factMutations(manifest),
      ...epochMutations(manifest, readEpochs(old)),
      formatApplied(head),
      base === undefined ? { key: factKey(FACT.base), value: undefined } : formatBase(base),
      ...formatFloors(floorsAfter(readFloors(old), manifest.closedBefore)),
      ...records.applied.flatMap((record) => recordMutations(staged, record)),
      ...records.dropped.flatMap((id) => droppedRecordMutations(id)),
      formatHlcReserve(laterOf(readHlcReserve(old), marks)),
      formatDurableSeq(readDurableSeq(old) + 1n),
    ],
  }
}

/** What is closed stays closed, and is below the floor. */
function floorsAfter(own: FloorState, closedBefore: Timestamp): FloorState {
  const closed = maxTimestamp(own.closedBefore, closedBefore)
  return { floor: maxTimestamp(own.floor, closed), closedBefore: closed }
}

function sameHeads(a: Watermark, b: Watermark): boolean {
  return (
    a.position === b.position &&
    Buffer.compare(a.txnHash, b.txnHash) === 0 &&
    Buffer.compare(a.execHash, b.execHash) === 0
  )
}

function recordMutations(staged: Store, record: TxnRecord): readonly Mutation[] {
  const { outcome } = record
  const entry = outcome?.kind === 'decided' ? readLogEntry(staged, outcome.executeAt) : undefined
  return entry?.id === record.id ? appliedRecordMutations(record) : coveredRecordMutations(record)
}

function* entriesOf(staged: Store): Iterable<LogEntry> {
  for (const { entry } of logAfter(staged, undefined)) yield entry
}

/** The clock is at or above every timestamp of the snapshot (`protocol.md` 1.3). */
function laterOf(reserve: Hlc, marks: readonly Mark[]): Hlc {
  let latest = reserve
  for (const { at } of marks) if (hlcOf(at) > latest) latest = hlcOf(at)
  return latest
}
