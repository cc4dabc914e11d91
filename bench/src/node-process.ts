/** One node process of ours: gRPC on loopback, a map on top, and the load upon it. */

import { GrpcNetwork } from '@synevi/network-grpc'
import { LmdbStore } from '@synevi/store-lmdb'
import { KvExecutor, MemoryStore, Node, type NodeOptions } from 'synevi'
import { runLoad } from './closed-loop.ts'
import { runWrites } from './counted-writes.ts'
import { footprintOf } from './footprint.ts'
import type { NodePlan, Order, Reply } from './conversation.ts'

/** Of a start: a bench that waits longer has gone wrong. */
const JOIN_MS = 120_000
/** Of a change of the membership. */
const CHANGE_MS = 60_000

const plan: NodePlan = JSON.parse(process.argv[2] ?? '')
const address = plan.addresses[plan.serial]
if (address === undefined) throw new Error('the plan does not name this node')

// Whoever started it is gone: nobody would ever say close.
process.on('disconnect', () => process.exit())

const began = performance.now()
const store =
  plan.store === 'lmdb'
    ? await LmdbStore.open({ path: plan.path, durability: plan.durability ?? 'sync' })
    : new MemoryStore()
const opened = performance.now()
const node = await Node.open({
  ...whoIs(plan),
  network: new GrpcNetwork({ listen: address, dialMap: new Map(plan.dial) }),
  store,
  executors: [KvExecutor],
  ...optionsOf(plan),
  onFatal: (error) => reply({ kind: 'failed', why: error.message }),
})
process.on('message', (order: Order) => {
  void obey(order).catch((error: unknown) => reply({ kind: 'failed', why: String(error) }))
})
const nodeMs = performance.now() - opened
reply({ kind: 'ready', bootMs: began, storeMs: opened - began, nodeMs })

async function obey(order: Order): Promise<void> {
  switch (order.kind) {
    case 'load':
      reply({ kind: 'done', tally: await runLoad(node, order.load) })
      return
    case 'write':
      reply({ kind: 'written', ...(await runWrites(node, order.share)) })
      return
    case 'footprint': {
      const { withTables } = order
      reply({ kind: 'footprint', footprint: await footprintOf(node, store, withTables) })
      return
    }
    case 'replace': {
      const { old, id, address: at } = order
      await node.replaceMember(old, { id, address: at }, { timeoutMs: CHANGE_MS })
      reply({ kind: 'replacing' })
      return
    }
    case 'members': {
      const members = node.members().map(({ id, role, applied = 0n }) => ({ id, role, applied }))
      reply({ kind: 'members', position: node.status().applied.position, members })
      return
    }
    case 'close':
      await node.close()
      process.disconnect()
  }
}

/** A newcomer learns its serial from those that it joins. */
function whoIs(of: NodePlan): Pick<NodeOptions, 'self' | 'members' | 'join'> {
  const id = `node-${of.serial}`
  if (of.join !== undefined) return { self: { id }, join: of.join }
  const members = of.addresses.map((at, serial) => ({ id: `node-${serial}`, serial, address: at }))
  return { self: { id, serial: of.serial }, members: members.slice(0, of.firstMembers) }
}

function optionsOf(
  from: NodePlan,
): Pick<NodeOptions, 'batch' | 'timeouts' | 'cluster' | 'reorder'> {
  const { batchRequestsMax, undecidedMax, patienceMaxMs, reorderWaitMaxMs, dedupMax } = from
  return {
    batch: {
      ...(batchRequestsMax === undefined ? {} : { requestsMax: batchRequestsMax }),
      ...(undecidedMax === undefined ? {} : { undecidedMax }),
    },
    reorder: from.reorder ?? 'off',
    timeouts: {
      joinMs: JOIN_MS,
      ...(patienceMaxMs === undefined ? {} : { patienceMaxMs }),
      ...(reorderWaitMaxMs === undefined ? {} : { reorderWaitMaxMs }),
    },
    cluster: dedupMax === undefined ? {} : { dedupMax },
  }
}

function reply(message: Reply): void {
  process.send?.(message)
}
