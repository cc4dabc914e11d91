/** What a store requires of the build that opens it (ADR 0033). */

import { describe, expect, it } from 'vitest'
import { ALL_FEATURES, featureSet, type StoredFeatures } from '@synevi/accord'
import { MemoryStore } from '../store/memory-store.ts'
import { stateOptions } from '../test/lane-under-test.ts'
import { FACT, factKey } from './key-layout.ts'
import { factMutation, readFact } from './node-facts.ts'
import { NodeState } from './node-state.ts'

const NONE: StoredFeatures = { requires: 0, active: 0 }

async function opened(features?: StoredFeatures): Promise<{ into: MemoryStore; state: NodeState }> {
  const into = new MemoryStore()
  const state = await NodeState.open(into, stateOptions())
  if (features !== undefined) await into.write(state.encode([{ kind: 'features', features }]))
  return { into, state }
}

const formatOf = (into: MemoryStore): number | undefined => readFact(into, FACT.format)?.[1]

describe('the features of a store', () => {
  it('are none at first, and its format is that of 0.1.0', async () => {
    const { into, state } = await opened()
    expect(state.durable().features).toEqual(NONE)
    expect(formatOf(into)).toBe(1)
    expect(readFact(into, FACT.features)).toBe(undefined)
  })

  it('make it one of format 2 in the write that first requires one', async () => {
    const { into, state } = await opened()
    const writes = state.encode([{ kind: 'features', features: { requires: 1, active: 0 } }])
    const keys = writes.map(({ key }) => Buffer.from(key).toString('hex'))
    const format = Buffer.from(factKey(FACT.format)).toString('hex')
    expect(keys.filter((key) => key === format)).toHaveLength(1)
    await into.write(writes)
    expect(formatOf(into)).toBe(2)
    const again = await NodeState.open(into, stateOptions())
    expect(again.durable().features).toEqual({ requires: 1, active: 0 })
  })

  it('leave its format alone while none is required', async () => {
    const { into } = await opened(NONE)
    expect(formatOf(into)).toBe(1)
  })

  it('hold changes of the membership from the start, when it joined', async () => {
    const into = new MemoryStore()
    const options = stateOptions()
    const [first, ...others] = options.members
    if (first === undefined) throw new Error('no member')
    const members = [{ ...first, role: 'learner' as const }, ...others]
    await NodeState.open(into, { ...options, members })
    expect(formatOf(into)).toBe(2)
    const again = await NodeState.open(into, options)
    expect(again.durable().features).toEqual({ requires: featureSet(['epochs']), active: 0 })
  })

  it('are refused when this build lacks one, and the refusal names it', async () => {
    const later = (1 << 7) | (1 << 30)
    const { into } = await opened({ requires: ALL_FEATURES | later, active: ALL_FEATURES })
    await expect(NodeState.open(into, stateOptions())).rejects.toMatchObject({
      code: 'INCOMPATIBLE_VERSION',
      definite: true,
      message: expect.stringMatching(/features of a later version \(7, 30\).*upgrade first/),
      details: { features: [7, 30] },
    })
    expect(() => NodeState.identityIn(into)).toThrow('later version')
  })

  it('may say more in a later version', async () => {
    const { into } = await opened()
    const grown = Uint8Array.of(0, 0, 0, 3, 0, 0, 0, 1, 9, 9)
    await into.write([factMutation(FACT.features, grown)])
    expect((await NodeState.open(into, stateOptions())).durable().features).toEqual({
      requires: 3,
      active: 1,
    })
  })
})
