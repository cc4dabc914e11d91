/**
 * Dependency safety (`protocol.md` 5.4 and 13.1, rule 2): the deps of a decision cover every
 * conflicting transaction of its epoch that was decided with a lower executeAt.
 */

import type { Deps } from '@synevi/accord'
import type { Anomaly } from './history.ts'

/** A decision, as a Stable message states it. */
export interface DecidedDeps {
  readonly id: bigint
  readonly executeAt: bigint
  readonly deps: Deps
}

/** The epoch is the highest 16 of 128 bits. */
const EPOCH_SHIFT = 112n

/**
 * Judges decisions against the agreed sequence of transactions that all conflict, in order of
 * executeAt.
 */
export function checkDependencies(
  decisions: readonly DecidedDeps[],
  sequence: readonly { readonly id: bigint; readonly executeAt: bigint }[],
): readonly Anomaly[] {
  const found: Anomaly[] = []
  const places = new Map(sequence.map((each, i) => [each.id, i]))
  for (const decision of decisions) {
    const place = places.get(decision.id) ?? sequence.length
    let mark = 0n
    for (const { at } of decision.deps.marks) if (at > mark) mark = at
    const ids = new Set<bigint>(decision.deps.ids)
    for (let i = place - 1; i >= 0; i--) {
      const before = sequence[i]
      if (before === undefined || before.executeAt <= mark) break
      // Deps never mention an epoch that is over (`protocol.md` 10.4): it is finished before.
      if (before.id >> EPOCH_SHIFT !== decision.id >> EPOCH_SHIFT) break
      if (before.executeAt >= decision.executeAt || ids.has(before.id)) continue
      const lower = `${before.id} at ${before.executeAt}`
      const why = `${decision.id} at ${decision.executeAt} does not depend on ${lower}`
      found.push({ name: 'dep missing', why })
      break
    }
    if (found.length >= 4) break
  }
  return found
}
