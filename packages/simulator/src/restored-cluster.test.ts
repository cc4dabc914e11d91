/** Seeds with a backup: few and small, as in `simulation.test.ts`. */

import { expect, test } from 'vitest'
import type { Plan } from './fault/plan.ts'
import { drawPlan } from './fault/swarm.ts'
import { withoutClass } from './minimise.ts'
import { Prng } from './prng.ts'
import { runPlan } from './simulation.ts'
import { MixedWorkload } from './workload/mixed.ts'

function planOf(seed: bigint, nodes: number, members: number): Plan {
  const plan = drawPlan(Prng.of(seed), seed, {
    operations: new MixedWorkload().operations,
    ...{ requests: 60, nodes, only: ['restore', 'kill', 'drop', 'writeError'], changes: false },
  })
  if (plan.restore === undefined) throw new Error('no backup is planned')
  return { ...plan, restore: { ...plan.restore, members } }
}

test('what is restored from a backup is the old cluster at that position', async () => {
  for (const [seed, nodes, members] of [
    [201n, 3, 3],
    [202n, 3, 1],
    [203n, 1, 2],
    [204n, 1, 3],
  ] as const) {
    const plan = planOf(seed, nodes, members)
    const { violations, coverage } = await runPlan({ plan, workload: new MixedWorkload() })
    expect(violations).toEqual([])
    expect(coverage).toMatchObject({
      'backup taken': 1,
      'cluster restored': 1,
      'restored state compared': members,
    })
    expect(coverage['restored request remembered']).toBeGreaterThan(0)
    expect(coverage['damaged backup refused']).toBeGreaterThan(0)
    if (nodes === 3 && members === 3)
      expect(coverage['frame of another cluster refused']).toBeGreaterThan(0)
  }
})

test('a run with a backup is the same run twice', async () => {
  const run = async (plan: Plan): Promise<string> =>
    (await runPlan({ plan, workload: new MixedWorkload() })).traceHash
  const plan = planOf(205n, 3, 3)
  expect(await run(plan)).toBe(await run(JSON.parse(JSON.stringify(plan))))
  expect(withoutClass(plan, 'restore').restore).toBe(undefined)
  expect(await run(withoutClass(plan, 'restore'))).not.toBe(await run(plan))
})
