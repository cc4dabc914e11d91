import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { millis } from '../brand.ts'
import { Deadlines } from './deadlines.ts'

describe('deadlines', () => {
  it('behave as a map of keys to times, taken earliest first', () => {
    const key = fc.integer({ min: 0, max: 8 })
    const operation = fc.oneof(
      fc.record({ kind: fc.constant('set' as const), key, at: fc.nat(50) }),
      fc.record({ kind: fc.constant('clear' as const), key, at: fc.constant(0) }),
      fc.record({ kind: fc.constant('take' as const), key, at: fc.nat(50) }),
    )
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 400 }), (operations) => {
        const deadlines = new Deadlines<number>()
        const model = new Map<number, number>()
        for (const { kind, key: k, at } of operations) {
          if (kind === 'set') {
            deadlines.set(k, millis(at))
            model.delete(k)
            model.set(k, at)
          } else if (kind === 'clear') {
            deadlines.clear(k)
            model.delete(k)
          } else {
            const due = [...model].filter(([, when]) => when <= at).sort(([, a], [, b]) => a - b)[0]
            expect(deadlines.takeDue(millis(at))).toBe(due?.[0])
            if (due !== undefined) model.delete(due[0])
          }
          expect(deadlines.next()).toBe(model.size === 0 ? undefined : Math.min(...model.values()))
          expect(deadlines.size).toBe(model.size)
        }
      }),
    )
  })
})
