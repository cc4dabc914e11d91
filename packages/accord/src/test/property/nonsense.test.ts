/**
 * A core that hears valid nonsense: well-formed messages that fit, in an order no honest cluster
 * could make. Nothing from outside is asserted on: the replica may refuse, or stop and say why, and
 * never throws.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { epoch, hlc, nodeSerial, type Notice } from '../../index.ts'
import { keysOf } from '../../txn/keys.ts'
import { fittingMessage } from '../arbitrary-fitting.ts'
import { ReplicaUnderTest } from '../replica-under-test.ts'
import { type Said } from '../said.ts'
import { testEpoch } from '../test-epoch.ts'

const members = [0, 1, 2].map(nodeSerial)
/** A few births, near the present of the replica under test: ids are often about the same. */
const births = fc.integer({ min: 990, max: 996 }).map((ms) => hlc((BigInt(ms) * 1_000_000n) << 16n))

const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fittingMessage({
      topology: testEpoch(epoch(1), members),
      hlc: births,
      keys: fc.constantFrom(keysOf(['a']), keysOf(['a', 'b']), 'all' as const),
    }).map((heard) => ({ kind: 'hear' as const, ...heard })),
  },
  { weight: 2, arbitrary: fc.constant({ kind: 'submit' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(900) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
)

test('a replica that hears nonsense from members never throws', () => {
  let stops = 0
  let heard = 0
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) => {
      const node = new ReplicaUnderTest({ self: 0, size: 3 })
      const notices: Notice[] = []
      const take = (said: Said): void => void notices.push(...said.notices)
      for (const each of steps) {
        if (each.kind === 'submit') take(node.submit(1, keysOf(['a'])))
        else if (each.kind === 'wait') take(node.advance(each.ms))
        else if (each.kind === 'restart') take(node.restart())
        else if (each.from !== 0) {
          heard += 1
          take(node.hear(each.from, each.message))
        }
      }
      if (notices.some(({ kind }) => kind === 'fatal')) stops += 1
    }),
    { numRuns: 1_500 },
  )
  // Enough was said, and not every run ended at its first word.
  expect(heard).toBeGreaterThan(5_000)
  expect(stops).toBeLessThan(1_500)
})
