/** One node process of ours: gRPC on loopback, a map on top, and the load upon it. */

import { GrpcNetwork } from '@synevi/network-grpc'
import { LmdbStore } from '@synevi/store-lmdb'
import { KvExecutor, MemoryStore, Node } from 'synevi'
import { runLoad } from './closed-loop.ts'
import type { NodePlan, Order, Reply } from './conversation.ts'

const plan: NodePlan = JSON.parse(process.argv[2] ?? '')
const address = plan.addresses[plan.serial]
if (address === undefined) throw new Error('the plan does not name this node')

// Whoever started it is gone: nobody would ever say close.
process.on('disconnect', () => process.exit())

const node = await Node.open({
  self: { id: `node-${plan.serial}`, serial: plan.serial },
  members: plan.addresses.map((at, serial) => ({ id: `node-${serial}`, serial, address: at })),
  network: new GrpcNetwork({ listen: address }),
  store: plan.store === 'lmdb' ? await LmdbStore.open({ path: plan.path }) : new MemoryStore(),
  executors: [KvExecutor],
  onFatal: (error) => reply({ kind: 'failed', why: error.message }),
})
process.on('message', (order: Order) => {
  void obey(order).catch((error: unknown) => reply({ kind: 'failed', why: String(error) }))
})
reply({ kind: 'ready' })

async function obey(order: Order): Promise<void> {
  switch (order.kind) {
    case 'load':
      reply({ kind: 'done', tally: await runLoad(node, order.load) })
      return
    case 'close':
      await node.close()
      process.disconnect()
  }
}

function reply(message: Reply): void {
  process.send?.(message)
}
