import { keysOf } from '@synevi/accord'
import { describe, expect, it } from 'vitest'
import type { Bounds } from './bounds.ts'
import { explore } from './explorer.ts'

const K = keysOf(['k'])
const NONE = { losses: 0, duplicates: 0, recoveries: 0, restarts: 0, deaths: 0 }
const txns = (...nodes: number[]): Bounds['txns'] => nodes.map((node) => ({ node, keys: K }))

describe('explore', () => {
  it('sees every order of one transaction at two nodes: there is one', () => {
    const found = explore({ name: 'one', n: 2, txns: txns(0), ...NONE })
    // submit, PreAccept, PreAcceptOk, Stable
    expect(found).toMatchObject({
      states: 5,
      edges: 4,
      schedules: 1,
      ends: 1,
      violation: undefined,
      cutOff: false,
    })
  })

  it('counts schedules, though it visits equal states once', () => {
    const found = explore({ name: 'one', n: 3, txns: txns(0), ...NONE })
    expect(found.violation).toBeUndefined()
    expect(found.schedules).toBeGreaterThan(found.edges / 2)
    expect(found.coreSteps).toBeLessThan(found.edges)
  })

  it('finds more with a fault than without, and breaks no rule', () => {
    const without = explore({ name: 'two', n: 2, txns: txns(0, 1), ...NONE })
    const loss = explore({ name: 'two', n: 2, txns: txns(0, 1), ...NONE, losses: 1 })
    expect(without.violation).toBeUndefined()
    expect(loss.violation).toBeUndefined()
    expect(loss.states).toBeGreaterThan(without.states)
  })

  it('is exhaustive for two transactions at three nodes without faults', () => {
    const found = explore({ name: 'no fault', n: 3, txns: txns(0, 1), ...NONE })
    expect(found.violation).toBeUndefined()
    // Golden within 20 %: a change needs a reason (`testing.md` 2.9).
    expect(found.states).toBeGreaterThan(5_974 * 0.8)
    expect(found.states).toBeLessThan(5_974 * 1.2)
  })

  it('says that it was cut off', () => {
    expect(explore({ name: 'two', n: 3, txns: txns(0, 1), ...NONE }, 100).cutOff).toBe(true)
  })
})
