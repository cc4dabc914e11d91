import { describe, expect, test } from 'vitest'
import { minimise, withoutClass } from '../minimise.ts'
import { Prng } from '../prng.ts'
import { drawPartition } from './partitions.ts'
import { type Cut, PARTITION_MODES, type Plan, majorityOf, toleratedOf } from './plan.ts'
import { drawPlan } from './swarm.ts'

const plan = (seed: number, nodes?: number): Plan =>
  drawPlan(Prng.of(BigInt(seed)), BigInt(seed), {
    operations: ['put', 'get'],
    ...(nodes === undefined ? {} : { nodes }),
  })
const plans = (count: number): Plan[] => Array.from({ length: count }, (_, i) => plan(i))

describe('a plan', () => {
  test('is the same for the same seed, and survives being written down', () => {
    expect(plan(5)).toEqual(plan(5))
    expect(plan(5)).not.toEqual(plan(6))
    expect(JSON.parse(JSON.stringify(plan(5)))).toEqual(plan(5))
  })

  test('has the numbers of voters that the document asks for', () => {
    const counts = new Map<number, number>()
    for (const { nodes } of plans(2_000)) counts.set(nodes, (counts.get(nodes) ?? 0) + 1)
    const share = (nodes: number): number => (counts.get(nodes) ?? 0) / 2_000
    expect(share(3)).toBeCloseTo(0.45, 1)
    expect(share(5)).toBeCloseTo(0.3, 1)
    expect(share(7)).toBeCloseTo(0.12, 1)
    expect([...counts.keys()].sort()).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(plan(5, 6).nodes).toBe(6)
  })

  test('keeps at least one class of every family that the gates ask for', () => {
    for (const each of plans(300)) {
      const has = (kinds: readonly string[]): boolean =>
        each.faults.some((fault) => kinds.includes(fault.kind))
      expect(has(['kill', 'power', 'close', 'storm'])).toBe(true)
      expect(has(['pause'])).toBe(true)
      if (each.nodes > 1) expect(has(['partition'])).toBe(true)
      if (each.nodes > 1) expect(each.wire.drop + each.wire.duplicate).toBeGreaterThan(0)
    }
  })

  test('switches every class on in some seeds and off in others', () => {
    const all = plans(300)
    const seen = new Set(all.flatMap(({ classes }) => classes))
    expect(seen.size).toBeGreaterThanOrEqual(35)
    // The only one of its family, which is never empty.
    seen.delete('pause')
    for (const name of seen) {
      expect(all.filter(({ classes }) => classes.includes(name)).length).toBeLessThan(300)
    }
  })

  test('never costs more members for good than may be lost', () => {
    for (const each of plans(500)) {
      const weak = each.machines.flatMap(({ mayBeLost }, i) => (mayBeLost ? [i] : []))
      expect(weak.length).toBeLessThanOrEqual(toleratedOf(each.nodes))
      for (const [i, { badClock }] of each.machines.entries()) {
        if (badClock) expect(weak).toContain(i)
      }
      for (const fault of each.faults) {
        if (fault.kind === 'wipe' || fault.kind === 'diverge') expect(weak).toContain(fault.node)
      }
    }
  })

  test('without faults has none', () => {
    const calm = drawPlan(Prng.of(1n), 1n, { operations: ['put'], faults: false })
    expect(calm.faults).toEqual([])
    expect(calm.classes).toEqual([])
    expect(calm.wire.drop + calm.wire.duplicate + calm.wire.spike + calm.wire.flip).toBe(0)
  })
})

describe('partitions', () => {
  const span = { at: 1_000, for: 600_000 }
  const draw = (mode: (typeof PARTITION_MODES)[number], nodes: number, seed = 1): readonly Cut[] =>
    drawPartition(Prng.of(BigInt(seed)), mode, nodes, span)

  test('of a ring leave each node a majority, and not all the same', () => {
    for (const nodes of [3, 4, 5, 6, 7]) {
      const cuts = draw('ring', nodes)
      const views = Array.from({ length: nodes }, (_, a) =>
        Array.from({ length: nodes }, (_, b) => b).filter(
          (b) => !cuts.some(({ from, to }) => from === a && to === b),
        ),
      )
      for (const view of views) expect(view.length).toBeGreaterThanOrEqual(majorityOf(nodes))
      expect(new Set(views.map((view) => view.join())).size).toBeGreaterThan(1)
    }
  })

  test('one way cut one way, the others both ways', () => {
    const isMutual = (cuts: readonly Cut[]): boolean =>
      cuts.every((cut) => cuts.some(({ from, to }) => from === cut.to && to === cut.from))
    for (const mode of PARTITION_MODES) {
      for (const nodes of [2, 3, 5, 7]) {
        const cuts = draw(mode, nodes)
        expect(cuts.length).toBeGreaterThan(0)
        expect(cuts.every(({ from, to }) => from !== to && from < nodes && to < nodes)).toBe(true)
        expect(isMutual(cuts)).toBe(mode !== 'oneWay')
      }
    }
  })

  test('take one out, halve, or cut a minority off', () => {
    const sides = (cuts: readonly Cut[]): number[] => {
      const count = new Map<number, number>()
      for (const { from } of cuts) count.set(from, (count.get(from) ?? 0) + 1)
      return [...count.values()].sort((a, b) => a - b)
    }
    expect(sides(draw('oneOut', 5))).toEqual([1, 1, 1, 1, 4])
    expect(sides(draw('halves', 5))).toEqual([2, 2, 2, 3, 3])
    for (let seed = 0; seed < 20; seed++) {
      const cuts = draw('minority', 5, seed)
      expect(cuts.length / 2).toBeLessThanOrEqual(2 * 3)
    }
  })

  test('that flap or swizzle come and go within their time', () => {
    for (const mode of ['flapping', 'swizzle'] as const) {
      const cuts = draw(mode, 5)
      expect(new Set(cuts.map(({ at }) => at)).size).toBeGreaterThan(1)
      for (const { at, for: lasts } of cuts) {
        expect(at).toBeGreaterThanOrEqual(span.at)
        expect(at + lasts).toBeLessThanOrEqual(span.at + span.for * 2)
      }
    }
  })
})

describe('minimising', () => {
  test('leaves only what a failure needs', async () => {
    const whole = plan(3, 5)
    const needed = whole.faults.find(({ kind }) => kind === 'pause')
    const small = await minimise(whole, {
      fails: (candidate) =>
        Promise.resolve(
          candidate.faults.some((fault) => JSON.stringify(fault) === JSON.stringify(needed)) &&
            candidate.clients.count >= 2 &&
            candidate.clients.requests >= 30,
        ),
      tried: () => {},
      runsMax: 200,
    })
    expect(small.faults).toEqual([needed])
    expect(small.classes).toEqual(['pause'])
    expect(small.clients.count).toBe(2)
    expect(small.clients.requests).toBe(50)
    expect(small.wire).toMatchObject({
      drop: 0,
      duplicate: 0,
      spike: 0,
      flip: 0,
      late: 0,
      reorder: false,
    })
  })

  test('stops when its runs are used up', async () => {
    let runs = 0
    await minimise(plan(3, 5), {
      fails: () => {
        runs++
        return Promise.resolve(true)
      },
      tried: () => {},
      runsMax: 7,
    })
    expect(runs).toBe(7)
  })

  test('takes a class out of faults, wires and clocks', () => {
    const whole = plan(3, 5)
    for (const name of whole.classes) {
      const without = withoutClass(whole, name)
      expect(without.classes).not.toContain(name)
      const left = without.faults.map((fault) =>
        fault.kind === 'partition' ? fault.mode : fault.kind,
      )
      expect(left).not.toContain(name)
    }
    expect(withoutClass(whole, 'drift').machines.every(({ driftPpm }) => driftPpm === 0)).toBe(true)
  })
})
