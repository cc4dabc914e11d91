/** One node process: gRPC on loopback, LMDB beneath, the history executor on top. */

import { GrpcNetwork } from '@synevi/network-grpc'
import { LmdbStore } from '@synevi/store-lmdb'
import { isSyneviError, Node } from 'synevi'
import { requestIdOf, type Commit } from './commit.ts'
import type { Order, Reply, ReplicaPlan, ReplicaReport } from './conversation.ts'
import { CountAll, historyExecutor, ImportCommit } from './history-executor.ts'

const plan: ReplicaPlan = JSON.parse(process.argv[2] ?? '')
const address = plan.addresses[plan.serial]
if (address === undefined) throw new Error('the plan does not name this node')

const node = await Node.open({
  self: { id: `node-${plan.serial}`, serial: plan.serial },
  members: plan.addresses.map((at, serial) => ({ id: `node-${serial}`, serial, address: at })),
  network: new GrpcNetwork({ listen: address }),
  store: await LmdbStore.open({ path: plan.path }),
  executors: [historyExecutor],
  onFatal: (error) => reply({ kind: 'failed', why: error.message }),
})
process.on('message', (order: Order) => {
  void obey(order).catch((error: unknown) => reply({ kind: 'failed', why: String(error) }))
})
reply({ kind: 'ready', position: node.status().applied.position })

async function obey(order: Order): Promise<void> {
  switch (order.kind) {
    case 'import':
      reply(await importCommit(order.commit))
      return
    case 'report':
      reply({ kind: 'report', report: await report(order.position) })
      return
    case 'close':
      await node.close()
      process.disconnect()
  }
}

async function importCommit(commit: Commit): Promise<Reply> {
  try {
    const { position } = await node.submit(ImportCommit(commit), { id: requestIdOf(commit) })
    return { kind: 'imported', commit: commit.commit, position }
  } catch (error) {
    const code = isSyneviError(error) ? error.code : String(error)
    return { kind: 'refused', commit: commit.commit, code }
  }
}

async function report(position: bigint): Promise<ReplicaReport> {
  const totals = await node.read(CountAll(undefined), { consistency: { atLeast: position } })
  const ids: string[] = []
  for await (const entry of node.applied()) {
    if (entry.name === ImportCommit.transaction) ids.push(entry.id)
    if (entry.position >= position) break
  }
  const { applied, counters } = node.status()
  return {
    position: applied.position,
    hash: applied.hash,
    digest: node.stateDigest(),
    totals,
    ids,
    verified: (await node.verify()).ok,
    counters: {
      fast: counters.fastPath,
      slow: counters.slowPath,
      recovered: counters.recovered,
    },
  }
}

function reply(message: Reply): void {
  process.send?.(message)
}
