/** Reads at nodes of a cluster that lose each other (`protocol.md` 9). */

import { describe, expect, it } from 'vitest'
import { Add, Count, failureOf, openCluster } from '../test/local-cluster.ts'

describe('a linearizable read', () => {
  it('sees at every node what was acknowledged at any, and writes nothing', async () => {
    const { clock, nodes, node, close } = await openCluster(3)
    for (let round = 0; round < 5; round++) {
      await clock.until(node(round % 3).submit(Add('a')))
      const seen = await clock.until(Promise.all(nodes.map((one) => one.read(Count('a')))))
      expect(seen).toEqual([1, 2, 3].map(() => BigInt(round + 1)))
    }
    expect(nodes.map((one) => one.status().applied.position)).toEqual([5n, 5n, 5n])
    await close()
  })

  it('at a node cut off just then ends at its deadline, definite', async () => {
    const { clock, hub, node, close } = await openCluster(3)
    await clock.until(node(1).submit(Add('a')))
    const [zero, one, two] = [0, 1, 2].map((i) => node(i).serial)
    if (zero === undefined || one === undefined || two === undefined) throw new Error('no serials')
    hub.cut(zero, one)
    hub.cut(zero, two)
    // Nobody is suspected yet: the read is taken in.
    const late = failureOf(node(0).read(Count('a'), { timeoutMs: 150 }))
    const abort = new AbortController()
    const cancelled = failureOf(node(0).read(Count('a'), { signal: abort.signal }))
    await clock.advance(50)
    abort.abort()
    expect(await cancelled).toMatchObject({ code: 'CANCELLED', definite: true })
    await clock.until(node(1).submit(Add('a')))
    await clock.advance(150)
    expect(await late).toMatchObject({ code: 'TIMEOUT', definite: true, retryable: true })
    await clock.advance(1_000)
    expect(await failureOf(node(0).read(Count('a')))).toMatchObject({ code: 'NO_QUORUM' })
    hub.heal(zero, one)
    hub.heal(zero, two)
    await clock.advance(2_000)
    expect(await clock.until(node(0).read(Count('a')))).toBe(2n)
    await close()
  })

  it('that waits through a partition is answered with what came meanwhile', async () => {
    const { clock, hub, node, close } = await openCluster(3)
    await clock.advance(500)
    const [zero, one, two] = [0, 1, 2].map((i) => node(i).serial)
    if (zero === undefined || one === undefined || two === undefined) throw new Error('no serials')
    hub.cut(zero, one)
    hub.cut(zero, two)
    const reading = node(0).read(Count('a'), { timeoutMs: 20_000 })
    await clock.until(node(1).submit(Add('a')))
    await clock.until(node(2).submit(Add('a')))
    await clock.advance(500)
    hub.heal(zero, one)
    hub.heal(zero, two)
    expect(await clock.until(reading)).toBe(2n)
    await close()
  })

  it.each([
    ['by an entry, before all members have told what they can', 0],
    ['by asking a quorum', 500],
  ])('of a node that closes is told so: %s', async (_, ms) => {
    const { clock, hub, node, close } = await openCluster(3)
    await clock.advance(ms)
    const [zero, one, two] = [0, 1, 2].map((i) => node(i).serial)
    if (zero === undefined || one === undefined || two === undefined) throw new Error('no serials')
    hub.cut(zero, one)
    hub.cut(zero, two)
    const reading = failureOf(node(0).read(Count('a')))
    await clock.advance(10)
    await clock.until(node(0).close({ drainMs: 5 }))
    expect(await reading).toMatchObject({ code: 'CLOSED', definite: true })
    await close()
  })
})
