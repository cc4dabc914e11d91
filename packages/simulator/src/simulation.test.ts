/** Whole seeds, few and small: the many run in plain Node.js (`npm run simulate`). */

import type { Bytes } from '@synevi/accord'
import { describe, expect, test } from 'vitest'
import type { Json } from './check/history.ts'
import type { Plan } from './fault/plan.ts'
import { drawPlan } from './fault/swarm.ts'
import { Prng } from './prng.ts'
import { type Verdict, runPlan } from './simulation.ts'
import { MixedWorkload } from './workload/mixed.ts'
import type { Step } from './workload/workload.ts'

function planOf(seed: bigint, over: { nodes: number; faults?: boolean }): Plan {
  return drawPlan(Prng.of(seed), seed, {
    operations: new MixedWorkload().operations,
    requests: 60,
    ...over,
  })
}

/** Only this node may be lost for good: it is not waited for. */
function withWeak(plan: Plan, node: number): Plan['machines'] {
  return plan.machines.map((each, i) => ({ ...each, mayBeLost: i === node }))
}

const run = (plan: Plan, workload = new MixedWorkload()): Promise<Verdict> =>
  runPlan({ plan, workload })

describe('a seed', () => {
  test('with faults, of 1, 3 and 5 nodes, holds everything', async () => {
    for (const [seed, nodes] of [
      [101n, 1],
      [102n, 3],
      [103n, 5],
    ] as const) {
      const verdict = await run(planOf(seed, { nodes }))
      expect(verdict.violations).toEqual([])
      expect(verdict.work.requests).toBeGreaterThan(10)
    }
  })

  test('run twice leaves the same trace; another seed another one', async () => {
    const first = await run(planOf(104n, { nodes: 3 }))
    const second = await run(planOf(104n, { nodes: 3 }))
    const other = await run(planOf(105n, { nodes: 3 }))
    expect(second.traceHash).toBe(first.traceHash)
    expect(second.history).toEqual(first.history)
    expect(other.traceHash).not.toBe(first.traceHash)
  })

  test('of a written plan is the seed again', async () => {
    const plan = planOf(106n, { nodes: 3 })
    const written: Plan = JSON.parse(JSON.stringify(plan))
    expect((await run(written)).traceHash).toBe((await run(plan)).traceHash)
  })
})

describe('what is planted is found', () => {
  test('an executor that differs on one node', async () => {
    const calm = planOf(107n, { nodes: 3, faults: false })
    const faults = [{ kind: 'diverge', at: 500_000, node: 1 }] as const
    const verdict = await run({ ...calm, machines: withWeak(calm, 1), faults })
    expect(verdict.violations).toEqual([])
    expect(verdict.coverage['DIVERGED']).toBeGreaterThan(0)
  })

  test('a node whose disk was lost does not serve again', async () => {
    const calm = planOf(108n, { nodes: 3, faults: false })
    const wipe = { kind: 'wipe', at: 2_000_000, node: 2, down: 100_000 } as const
    const verdict = await run({ ...calm, machines: withWeak(calm, 2), faults: [wipe] })
    expect(verdict.violations).toEqual([])
    expect(verdict.coverage['AMNESIA']).toBeGreaterThan(0)
  })

  test('a damaged record, by a scrubber while nobody can listen to its node yet', async () => {
    const [at, node] = [2_000_000, 2]
    for (const seed of [120n, 136n]) {
      const calm = planOf(seed, { nodes: 3, faults: false })
      // It does not get ready before the first pass is over.
      const cuts = [0, 1].flatMap((peer) => [
        { from: peer, to: node, at, for: 1_000_000 },
        { from: node, to: peer, at, for: 1_000_000 },
      ])
      const verdict = await run({
        ...calm,
        machines: withWeak(calm, node),
        classes: ['damage', 'mixedVersions'],
        faults: [
          { kind: 'damage', at, node, how: 'flipped', down: 0 },
          { kind: 'partition', mode: 'oneOut', at: at + 1_000, cuts },
          { kind: 'kill', at: at + 1_000, nodes: [node], down: 10_000 },
        ],
      })
      expect(verdict.violations).toEqual([])
      // Members that take no snapshots cannot cure it: the record stays as it is.
      const { coverage } = verdict
      expect(coverage).toMatchObject({ 'damage found before open': 1 })
      expect(coverage).not.toHaveProperty('damage repaired')
    }
  })

  test('an answer that the model does not give', async () => {
    class Lying extends MixedWorkload {
      override answerOf(f: string, ok: boolean, value: Bytes): Json | Promise<Json> {
        return f === 'put' ? 'a lie' : super.answerOf(f, ok, value)
      }
    }
    const calm = planOf(109n, { nodes: 1, faults: false })
    // The whole log is needed to judge answers.
    const { retain: _, ...settings } = calm.settings
    const verdict = await run({ ...calm, settings }, new Lying())
    expect(verdict.violations[0]).toMatchObject({ checker: 'witness', name: 'wrong answer' })
  })

  test('a stale read that claims to be linearizable', async () => {
    class Stale extends MixedWorkload {
      override next(operation: string, random: Prng): Step {
        const step = super.next(operation, random)
        const isLocal = step.kind === 'read' && step.consistency === 'linearizable'
        return isLocal ? { ...step, consistency: 'local', claimed: 'linearizable' } : step
      }
    }
    let found = false
    for (let seed = 110n; seed < 120n && !found; seed++) {
      const verdict = await run(planOf(seed, { nodes: 5, faults: false }), new Stale())
      found = verdict.violations.some(({ name }) => name === 'stale read')
    }
    expect(found).toBe(true)
  })
})
