/** All of a store: the chain and what has to agree with it, then every record and every table. */

import type { LogPosition } from '../contract/executor.ts'
import type { Damage } from '../state/sum-walk.ts'
import type { SummedStore } from '../state/summed-store.ts'
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
