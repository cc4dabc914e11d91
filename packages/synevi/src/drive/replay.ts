/**
 * Executors that keep state outside of the context, and say how far it goes
 * (`Executor.appliedThrough`): what they lack is executed again when the node opens.
 */

import { nodeOf } from '@synevi/accord'
import type { AppliedEntry } from '../chain/chained-entries.ts'
import type { Executor, LogPosition } from '../contract/executor.ts'
import type { NodeState } from '../state/node-state.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { SyneviError } from '../synevi-error.ts'
import { PendingState } from './pending-state.ts'
import { RequestContext } from './request-context.ts'
import { routesOf, type Route } from './routes.ts'

const PAGE_ENTRIES = 256

/**
 * The first executor that would lack entries if the log began behind `position`; undefined: none.
 */
export async function lackingExecutor(
  executors: readonly Executor[],
  position: LogPosition,
): Promise<string | undefined> {
  for (const executor of executors) {
    const through = await executor.appliedThrough?.()
    if (through !== undefined && through < position) return executor.name
  }
  return undefined
}

/**
 * Executes, in order, each entry above what its executor says. Its context is that of the first
 * time, except for state: reads see only what this very execution wrote, since the state of that
 * time is gone; writes and `afterApply` effects are dropped. So such an executor keeps _all_ its
 * state outside, and execution before a crash may have taken it further than the log is durable: it
 * must skip positions it has seen.
 *
 * An entry that failed the first time may fail again. Rejects with `EXECUTOR_FAILED` (not definite)
 * when one that did not fail fails now.
 */
export async function replayExecutors(
  state: NodeState,
  executors: readonly Executor[],
): Promise<void> {
  const through = new Map<string, LogPosition>()
  for (const executor of executors) {
    const position = await executor.appliedThrough?.()
    if (position !== undefined) through.set(executor.name, position)
  }
  if (through.size === 0) return
  const routes = routesOf(executors)
  const scratch = new PendingState(new MemoryStore())
  let after = [...through.values()].reduce((least, position) =>
    position < least ? position : least,
  )
  if (after < state.basePosition) {
    throw new SyneviError(
      'EXECUTOR_FAILED',
      `cannot replay from position ${after}: the log here begins behind ${state.basePosition}`,
      { definite: false },
    )
  }
  for (;;) {
    const page = state.appliedPage(after, PAGE_ENTRIES)
    if (page.length === 0) return
    for (const entry of page) {
      after = entry.position
      const route = routes.get(entry.name)
      if (route?.kind !== 'executor') continue
      const applied = through.get(route.executor.name)
      if (applied !== undefined && entry.position > applied) await replay(scratch, route, entry)
    }
  }
}

async function replay(
  scratch: PendingState,
  route: Extract<Route, { readonly kind: 'executor' }>,
  entry: AppliedEntry,
): Promise<void> {
  const { id, name, payload, txnId, index, position, time } = entry
  scratch.begin()
  const place = { id, txnId, index, position, coordinator: nodeOf(txnId), time }
  const context = new RequestContext(scratch, route.keys, place)
  try {
    await route.executor.execute({ name, payload }, context)
  } catch (cause) {
    if (entry.outcome.kind === 'failed') return
    throw new SyneviError('EXECUTOR_FAILED', `cannot replay ${name} at position ${position}`, {
      definite: false,
      cause,
    })
  } finally {
    context.close()
    scratch.abandon()
  }
}
