/** Hearing RaiseFloor: ids below it are not witnessed for the first time any more (8.1, 10.3). */

import type { Context } from '../context.ts'
import type { DecidedEntry, FloorOk, RaiseFloor } from '../message/message.ts'
import {
  compareTimestamps,
  epochOf,
  hlcOf,
  nanosOf,
  type NodeSerial,
  type Timestamp,
} from '../time/timestamp.ts'

/** What a floor closes, and since when decisions are listed: only when an epoch closes. */
export interface FloorGoal {
  readonly floor: Timestamp
  readonly since: Timestamp | undefined
}

/** The epoch whose ids a floor closes: some of them, or with `since` all. */
export function epochClosedBy({ floor, since }: FloorGoal): number {
  return since === undefined ? epochOf(floor) : epochOf(floor) - 1
}

/** Whether the floor has ended the open epoch: nothing is born in it any more. */
export function isEpochClosing(context: Context): boolean {
  return epochOf(context.floors.floor) > context.epochs.open.epoch
}

/**
 * Answered once the floor is durable; not at all when it lies ahead of both clocks (1.4). Whoever
 * holds the end of that epoch answers with it: what is undecided here by now says nothing (10.3
 * B).
 */
export function onRaiseFloor(context: Context, from: NodeSerial, message: RaiseFloor): void {
  const { round, floor, since } = message
  const end = context.succession.end(epochClosedBy(message))
  if (end !== undefined) {
    context.out.afterStore(from, end)
    return
  }
  const what = misfit(context, from, message)
  if (what !== undefined) {
    context.out.notice({ kind: 'rejected', from, what })
    return
  }
  if (isAheadOfClock(context, floor)) {
    context.out.notice({ kind: 'event', name: 'floorAheadOfClock' })
    return
  }
  context.out.afterStore(from, { kind: 'floorOk', round, ...raiseFloor(context, { floor, since }) })
}

/**
 * Raises the floor here and says what it leaves open: every id below it with a vote or something
 * accepted and no outcome, own live ones too; and with `since`, what is decided above it.
 */
export function raiseFloor(
  context: Context,
  goal: FloorGoal,
): Pick<FloorOk, 'undecided' | 'decided'> {
  // Observed with the write of the floor, which carries the reserve of the clock. A lower one was
  // observed with a higher one of its epoch, or nothing is born in that epoch any more.
  if (goal.floor > context.floors.floor) {
    context.floors.raise(goal.floor)
    context.clock.observe(goal.floor)
  }
  const undecided = [...context.ledger.records()]
    .filter(({ outcome, vote, accepted }) => {
      return outcome === undefined && (vote !== undefined || accepted !== undefined)
    })
    .map(({ id }) => id)
    .filter((id) => id < goal.floor && !context.floors.isClosed(id))
    .sort(compareTimestamps)
  const { since } = goal
  return { undecided, decided: since === undefined ? [] : decidedAfter(context, since) }
}

/** A floor of the open epoch, or the one that ends it: nobody closes anything else here. */
function misfit(context: Context, from: NodeSerial, message: RaiseFloor): string | undefined {
  const { open } = context.epochs
  if (!open.isVoter(from) || !open.isVoter(context.self))
    return 'a floor between others than voters'
  if (epochClosedBy(message) !== open.epoch) return 'a floor of an epoch that is not open'
  if (message.since === undefined || hlcOf(message.floor) === 0n) return undefined
  return 'a floor that ends an epoch above the beginning of the next'
}

/** A floor in the future would refuse honest nodes for as long. */
export function isAheadOfClock(context: Context, floor: Timestamp): boolean {
  const nanos: bigint = nanosOf(floor)
  return nanos > context.now.wall && nanos > context.clock.lastNanos
}

/** Decided with executeAt above `since`, applied or not, in the order of ids. */
function decidedAfter(context: Context, since: Timestamp): readonly DecidedEntry[] {
  const found = new Map<Timestamp, DecidedEntry>()
  for (const entry of context.reader.decidedAfter(since)) found.set(entry.id, entry)
  for (const { id, keys, outcome } of context.ledger.records()) {
    if (outcome?.kind !== 'decided' || outcome.executeAt <= since || keys === undefined) continue
    found.set(id, { id, executeAt: outcome.executeAt, keys })
  }
  return [...found.values()].sort((a, b) => compareTimestamps(a.id, b.id))
}
