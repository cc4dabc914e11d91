/** Real nodes in one process, on the machine's clock: what an embedder sees. */

import { expect, test } from 'vitest'
import { Node } from './node.ts'
import { LocalNetwork } from './network/local-network.ts'
import { Add, Count, counter, openCluster } from './test/local-cluster.ts'

test('a cluster of one serves at once, from position 1', async () => {
  await using node = await Node.open({
    self: { id: 'alone' },
    network: new LocalNetwork(),
    executors: [counter],
  })
  expect(node.status()).toMatchObject({
    phase: 'ready',
    applied: { position: 0n },
    quorum: { voters: 1, needed: 1 },
  })
  const first = await node.submit(Add('a'))
  expect(first).toMatchObject({ ok: true, value: 0n, position: 1n, duplicate: false })
  expect(await node.read(Count('a'), { consistency: 'local' })).toBe(1n)
  expect(await node.read(Count('a'))).toBe(1n)
})

test('three nodes: each takes transactions, all apply the same, a read anywhere sees what was acknowledged', async () => {
  const { nodes, close } = await openCluster(3)
  const answers = await Promise.all(
    Array.from({ length: 60 }, async (_, i) => {
      const node = nodes[i % 3]
      return node?.submit(Add('a'))
    }),
  )
  const before = answers
    .map((answer) => (answer?.ok === true ? answer.value : -1n))
    .sort((a, b) => Number(a - b))
  expect(before).toEqual(Array.from({ length: 60 }, (_, i) => BigInt(i)))
  expect(await Promise.all(nodes.map((node) => node.read(Count('a'))))).toEqual([60n, 60n, 60n])
  const position = (await nodes[0]?.barrier()) ?? 0n
  for (const node of nodes) await node.read(Count('a'), { consistency: { atLeast: position } })
  const states = nodes.map((node) => [node.stateDigest(), node.status().applied.hash])
  expect(new Set(states.map((state) => state[0])).size).toBe(1)
  await close()
})
