/** What an execution brings about in the core (`protocol.md` 5.2, 8.1). */

import type { Context } from './context.ts'
import type { Coordination } from './coordinate/coordination.ts'
import type { Reads } from './coordinate/read-round.ts'
import type { Closing } from './durability/closing.ts'
import type { ExecutionOrder } from './execute/execution-order.ts'
import type { Harvest } from './harvest.ts'
import type { ExecutionResult } from './input.ts'
import { invariant } from './invariant.ts'
import type { Membership } from './membership/membership.ts'
import { failureOf } from './membership/reconfig.ts'
import type { PendingReconfig } from './ready.ts'
import { epochOf, type Timestamp, type TxnId } from './time/timestamp.ts'
import type { ReconfigTxn } from './txn/txn.ts'
import type { FloorState } from './txn/floors.ts'

/** The parts of a replica that an execution concerns. */
export interface Applying {
  readonly context: Context
  readonly coordination: Coordination
  readonly execution: ExecutionOrder
  readonly closing: Closing
  readonly membership: Membership
  readonly harvest: Harvest
  readonly reads: Reads
}

/**
 * Applied, here, from this step on: record, entry, marks, mutations and what a Barrier closes in
 * one write.
 */
export function apply(parts: Applying, id: TxnId, result: ExecutionResult): void {
  const { context, execution, closing, harvest, reads } = parts
  const { ledger, marks, out } = context
  execution.executed(id)
  const record = ledger.get(id)
  const { txn, keys, outcome } = record ?? {}
  invariant(record !== undefined && txn !== undefined, 'what was executed has its payload')
  invariant(keys !== undefined && outcome?.kind === 'decided', 'what was executed is decided')
  const { executeAt } = outcome
  const { watermark, mutations } = result
  const deps = { ids: [], marks: marks.of(keys) }
  const entry = { id, executeAt, txn, deps, watermark }
  const applied = { ...record, applied: true }
  const changed = marks.advance({ keys, id, at: executeAt })
  ledger.put(applied)
  const closes = txn.kind === 'barrier' ? close(parts, txn.closedBefore) : undefined
  const reconfig = txn.kind === 'reconfig' ? reconfigure(parts, { id, executeAt, txn }) : undefined
  harvest.applied({
    kind: 'applied',
    record: applied,
    entry,
    marks: changed,
    mutations,
    closing: closes,
    reconfig,
  })
  closing.applied(applied)
  reads.advanced()
  out.notice({ kind: 'applied', id, executeAt, watermark })
}

/** With effect the open epoch closes from here on; without any, nothing changes anywhere (10.2). */
function reconfigure(
  parts: Applying,
  executed: { id: TxnId; executeAt: Timestamp; txn: ReconfigTxn },
): PendingReconfig | undefined {
  const { context, coordination, membership } = parts
  const { id, executeAt, txn } = executed
  const { epochs, succession } = context
  // The end of its epoch is known here already: what it did is in there.
  if (epochOf(id) < epochs.open.epoch) {
    if (succession.end(epochOf(id))?.reconfig.id !== id) coordination.reconfigFailed(id, 'pending')
    return undefined
  }
  const failure = failureOf(txn, epochs.open.configuration, succession.pending !== undefined)
  if (failure !== undefined) {
    coordination.reconfigFailed(id, failure)
    context.out.notice({ kind: 'event', name: 'reconfigFailed', id })
    return undefined
  }
  const pending = { id, executeAt, members: txn.members }
  succession.reconfigured(pending)
  membership.closing.executed()
  return pending
}

/** What was decided below is applied here, and what has no outcome below never happens. */
function close(parts: Applying, before: Timestamp): FloorState {
  const { context, coordination, execution, reads } = parts
  const state = context.floors.close(before)
  coordination.closed(state.closedBefore)
  execution.closed()
  reads.closed()
  context.out.notice({ kind: 'event', name: 'closed' })
  return state
}
