/** All of a store: the chain and what has to agree with it, then every record and every table. */

import type { Clock } from '../contract/clock.ts'
import type { LogPosition } from '../contract/executor.ts'
import type { Store } from '../contract/store.ts'
import type { Damage } from '../state/sum-walk.ts'
import { readSettings } from '../state/node-facts.ts'
import { readSlots, storeOfSlot } from '../state/slots.ts'
import { SummedStore } from '../state/summed-store.ts'
import { SyneviError } from '../synevi-error.ts'
import { verifySteps, type VerifyParts, type VerifyReport } from './verify.ts'

const TURN_BYTES = 262_144
const DAMAGE_MAX = 64

/**
 * {@link verifySteps}, then a walk over all tables: their sums tell when a record is missing, was
 * added, or is an older value, be it executor state, a vote or a fact. Yields the position reached;
 * executions may go on in between, but no write may be resolving: call it from the event loop.
 */
export function* verifyStoreSteps(
  parts: VerifyParts & { readonly whole: SummedStore },
): Generator<LogPosition, VerifyReport> {
  const report = yield* verifySteps(parts)
  const walk = parts.whole.walk()
  const damage: Damage[] = []
  try {
    for (let isDone = false; !isDone;) {
      const step = walk.step(TURN_BYTES)
      isDone = step.isDone
      for (const one of step.damage) if (damage.length < DAMAGE_MAX) damage.push(one)
      if (!isDone) yield report.to
    }
  } finally {
    walk.close()
  }
  return damage.length === 0 ? report : { ...report, ok: false, damage }
}

/** The same in turns of the event loop. Rejects with `CANCELLED`, and `CLOSED` once closing. */
export async function verifyInTurns(parts: {
  readonly whole: SummedStore
  /** As it looks from the current slot. */
  readonly store: Store
  readonly dedupMax: number
  readonly clock: Clock
  readonly from: LogPosition | undefined
  readonly signal: AbortSignal | undefined
  readonly isClosing: () => boolean
}): Promise<VerifyReport> {
  const { whole, store, dedupMax, clock, from, signal, isClosing } = parts
  const range = from === undefined ? {} : { from }
  const steps = verifyStoreSteps({ whole, store, dedupMax, ...range })
  for (;;) {
    await new Promise<void>((resolve) => clock.soon(resolve))
    if (isClosing()) throw new SyneviError('CLOSED', 'this node is closing', { definite: true })
    if (signal?.aborted === true)
      throw new SyneviError('CANCELLED', 'the walk was aborted', { definite: true })
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

/**
 * The same for the store of a node that is not open. Rejects with `STORE_FAILED` where already
 * opening the node would, and with `INCOMPATIBLE_VERSION`.
 */
export async function verifyStore(store: Store): Promise<VerifyReport> {
  const whole = await SummedStore.open(store)
  const current = storeOfSlot(whole, readSlots(whole).current)
  const { dedupMax } = readSettings(current)
  const steps = verifyStoreSteps({ whole, store: current, dedupMax })
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}
