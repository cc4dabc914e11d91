/** A node whose results differ is found, stops, and is repaired (`protocol.md` 7.6, 8.4). */

import { describe, expect, test } from 'vitest'
import type { Executor } from '../contract/executor.ts'
import { Node } from '../node.ts'
import { Add, Count, counter, failureOf, openCluster, type Cluster } from '../test/local-cluster.ts'

/** What a later version of the executor would do: it counts otherwise from some request on. */
function skewed(differs: () => boolean): Executor {
  return {
    ...counter,
    execute: (request, context) => {
      const outcome = counter.execute(request, context)
      if (!differs() || outcome instanceof Promise) return outcome
      context.put(Uint8Array.of(1), Uint8Array.of(2))
      return { ...outcome, value: Uint8Array.of(99) }
    },
  }
}

async function openSkewed(differs: () => boolean): Promise<Cluster> {
  return openCluster(3, (i) => (i === 2 ? { executors: [skewed(differs)] } : {}))
}

describe('a node whose executor is of another version', () => {
  test('is found within a second of traffic; it stops, the others go on', async () => {
    let differs = false
    const { clock, node, close } = await openSkewed(() => differs)
    await clock.until(node(0).submit(Add('a')))
    const found: bigint[] = []
    node(2).on('diverged', ({ position }) => found.push(position))
    differs = true
    const began = clock.now().elapsed
    while (found.length === 0 && clock.now().elapsed - began < 1_000)
      await clock.until(node(0).submit(Add('a')))
    expect(found).toHaveLength(1)
    expect(node(2).status()).toMatchObject({ phase: 'readOnly' })
    expect(await failureOf(clock.until(node(2).submit(Add('a'))))).toMatchObject({
      code: 'DIVERGED',
    })
    expect(
      await failureOf(clock.until(node(2).read(Count('a'), { consistency: 'local' }))),
    ).toMatchObject({ code: 'DIVERGED' })
    for (let i = 0; i < 10; i++) await clock.until(node(i % 2).submit(Add('b')))
    expect(await clock.until(node(1).read(Count('b')))).toBe(10n)
    await close()
  })

  test('is repaired in place by the state of another, and serves again', async () => {
    let differs = false
    const cluster = await openSkewed(() => differs)
    const { clock, node, close } = cluster
    for (let i = 0; i < 5; i++) await clock.until(node(0).submit(Add('a')))
    differs = true
    await clock.until(node(0).submit(Add('a')))
    await clock.advance(1_000)
    expect(node(2).status().phase).toBe('readOnly')
    await clock.until(node(1).submit(Add('a')))
    differs = false
    await clock.until(node(2).repair({ from: 'n1' }))
    expect(node(2).status().phase).toBe('ready')
    expect(await clock.until(node(2).submit(Add('a')))).toMatchObject({ ok: true, value: 7n })
    expect(await clock.until(node(2).read(Count('a')))).toBe(8n)
    await clock.until(node(0).barrier())
    expect(node(2).stateDigest()).toBe(node(0).stateDigest())
    expect(await clock.until(node(2).verify())).toMatchObject({ ok: true })
    await clock.advance(2_000)
    expect(node(2).status().phase).toBe('ready')
    await close()
  })

  test('stays found over a restart until it is repaired', async () => {
    let differs = false
    const cluster = await openSkewed(() => differs)
    const { clock, node, options, close } = cluster
    await clock.until(node(0).submit(Add('a')))
    differs = true
    await clock.until(node(0).submit(Add('a')))
    await clock.advance(1_000)
    await clock.until(node(2).close({ drainMs: 0 }))
    differs = false
    const again = await clock.until(Node.open(options(2)))
    expect(again.status().phase).toBe('readOnly')
    expect(await failureOf(clock.until(again.submit(Add('a'))))).toMatchObject({ code: 'DIVERGED' })
    expect(await failureOf(clock.until(again.repair({ from: 'n2' })))).toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    await clock.until(again.repair())
    expect(await clock.until(again.submit(Add('a')))).toMatchObject({ ok: true, value: 2n })
    await clock.until(again.close({ drainMs: 10 }))
    const third = await clock.until(Node.open(options(2)))
    expect(third.status().phase).toBe('ready')
    await clock.until(third.close({ drainMs: 10 }))
    await close()
  })

  test('gives nobody its state', async () => {
    let differs = false
    const { clock, node, close } = await openSkewed(() => differs)
    differs = true
    await clock.until(node(0).submit(Add('a')))
    await clock.advance(1_000)
    expect(node(2).status().phase).toBe('readOnly')
    expect(
      await failureOf(clock.until(node(1).repair({ from: 'n2', timeoutMs: 2_000 }))),
    ).toMatchObject({ code: 'TIMEOUT' })
    expect(node(1).status().phase).toBe('ready')
    await close()
  })
})
