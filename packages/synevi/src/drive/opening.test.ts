/** When `Node.open` resolves. */

import { expect, test } from 'vitest'
import type { Mutation } from '@synevi/accord'
import { LocalHub, LocalNetwork } from '../network/local-network.ts'
import { Node } from '../node.ts'
import { FACT, factKey } from '../state/key-layout.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { counter } from '../test/local-cluster.ts'
import { VirtualClock } from '../test/virtual-clock.ts'

/** Its second write of the admission takes until it is let through. */
class SlowAdmission extends MemoryStore {
  #seen = 0
  letThrough: () => void = () => {}

  override async write(batch: readonly Mutation[]): Promise<void> {
    const admitted = Buffer.from(factKey(FACT.admitted))
    if (batch.some(({ key }) => admitted.equals(key)) && ++this.#seen === 2)
      await new Promise<void>((resolve) => (this.letThrough = resolve))
    await super.write(batch)
  }
}

test('a node is open once its admission is durable, not when it is told', async () => {
  const clock = new VirtualClock()
  const hub = new LocalHub({ clock, delayMs: 1 })
  const slow = new SlowAdmission()
  const members = [0, 1, 2].map((serial) => ({ id: `n${serial}`, serial, address: '' }))
  const open = (i: number, store: MemoryStore): Promise<Node> =>
    Node.open({
      ...{ self: { id: `n${i}` }, members, clock, network: new LocalNetwork(hub), store },
      ...{ executors: [counter], seed: BigInt(i) },
    })
  let isOpen = false
  const first = open(0, slow).then((node) => {
    isOpen = true
    return node
  })
  const others = await clock.until(Promise.all([1, 2].map((i) => open(i, new MemoryStore()))))
  await clock.advance(1_000)
  expect(isOpen).toBe(false)
  slow.letThrough()
  const nodes = [await clock.until(first), ...others]
  await clock.until(Promise.all(nodes.map((node) => node.close({ drainMs: 10 }))))
})
