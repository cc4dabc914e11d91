/** What a cluster gets that is restored behind the end of a run. */

import type { Plan } from './plan.ts'

/** So many nodes of the same plan that suffer nothing, and have room for many requests at once. */
export function calmPlan(plan: Plan, nodes: number): Plan {
  const { changes: _, spares: __, restore: ___, ...rest } = plan
  const disk = plan.machines[0]?.disk ?? { syncMin: 100, syncMax: 1_000 }
  const calm = { disk, offsetMs: 0, driftPpm: 0, badClock: false, mayBeLost: false }
  return {
    ...rest,
    nodes,
    settings: { ...plan.settings, queuedMax: 10_000, transactionsInFlightMax: 1_000 },
    machines: Array.from({ length: nodes }, () => calm),
    classes: [],
    faults: [],
  }
}
