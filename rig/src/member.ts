/** One node process: gRPC on loopback, LMDB beneath, the executors of the workload on top. */

import { GrpcNetwork } from '@synevi/network-grpc'
import { MixedWorkload } from '@synevi/simulator'
import { LmdbStore } from '@synevi/store-lmdb'
import { isSyneviError, Node, type Codec } from 'synevi'
import { conditionOf, digestOf, logPage, membershipOf } from './member-report.ts'
import { ReportingNetwork, ShiftedClock, Told } from './member-surroundings.ts'
import type { Answer, Failure, MemberChange, MemberPlan, Order, Reply } from './orders.ts'

/** Bytes as they are: the rig decodes them. */
const RAW: Codec<Uint8Array> = { encode: (value) => value, decode: (bytes) => bytes }

const plan: MemberPlan = JSON.parse(process.argv[2] ?? '')
let isSkewed = plan.isSkewed === true
const told = new Told((events) => reply({ kind: 'events', events }), plan.tellsAll === true)

// Whoever started it is gone: nobody will ask or stop it any more.
process.on('disconnect', () => process.exit(0))
const node = await open().catch((error: unknown) => stop(error))
process.on('message', (order: Order) => {
  void obey(order).then(
    (answer) => reply({ kind: 'answer', call: order.call, answer }),
    (error: unknown) => {
      reply({
        kind: 'answer',
        call: order.call,
        answer: { kind: 'failed', failure: failureOf(error) },
      })
    },
  )
})
reply({ kind: 'ready' })

async function open(): Promise<Node> {
  const grpc = new GrpcNetwork({
    listen: '127.0.0.1:0',
    dialMap: new Map(plan.dial),
    logger: told.logger,
  })
  const network = new ReportingNetwork(grpc, () => {
    told.tell('listening')
    reply({ kind: 'listening', address: grpc.address ?? '' })
  })
  const store = await LmdbStore.open({
    path: plan.path,
    durability: plan.durability ?? 'sync',
    ...(plan.reserveBytes === undefined ? {} : { reserveBytes: plan.reserveBytes }),
  })
  told.tell('store open')
  return Node.open({
    self: { id: plan.id, serial: plan.serial },
    ...(plan.join === undefined ? { members: plan.members } : { join: plan.join }),
    network,
    store,
    executors: new MixedWorkload().executors({
      node: plan.serial,
      pause: () => undefined,
      differs: () => isSkewed,
    }),
    ...(plan.features === undefined ? {} : { features: plan.features }),
    timeouts: {
      ...(plan.joinMs === undefined ? {} : { joinMs: plan.joinMs }),
      ...(plan.promoteAfterMs === undefined ? {} : { promoteAfterMs: plan.promoteAfterMs }),
    },
    clock: new ShiftedClock(plan.clockAheadMs ?? 0),
    logger: told.logger,
    onNotice: (notice) => told.notice(notice),
    onFatal: (error) => void stop(error),
  })
}

/** Says why and ends the process. */
function stop(error: unknown): Promise<never> {
  return new Promise(() => {
    told.flush()
    process.send?.({ kind: 'stopped', failure: failureOf(error) } satisfies Reply, () =>
      process.exit(1),
    )
  })
}

async function obey(order: Order): Promise<Answer> {
  switch (order.kind) {
    case 'submit': {
      const { name, payload, id, timeoutMs } = order
      const transaction = { name, payload, shape: { ok: RAW, err: RAW } }
      const applied = await node.submit(transaction, { id, timeoutMs })
      const { ok, position, duplicate } = applied
      return {
        ...{ kind: 'submitted', ok, position, duplicate },
        value: applied.ok ? applied.value : applied.error,
      }
    }
    case 'read': {
      const { name, payload, consistency, timeoutMs } = order
      const query = { name, payload, output: RAW }
      return { kind: 'value', value: await node.read(query, { consistency, timeoutMs }) }
    }
    case 'barrier':
      return { kind: 'position', position: await node.barrier({ timeoutMs: order.timeoutMs }) }
    case 'condition':
      return { kind: 'condition', condition: conditionOf(node) }
    case 'log':
      return logPage(node, order.after)
    case 'finishUpgrade':
      node.finishUpgrade()
      return { kind: 'position', position: node.status().applied.position }
    case 'change':
      await changeMembers(order.change, { timeoutMs: order.timeoutMs })
      return { kind: 'members', membership: membershipOf(node) }
    case 'members':
      return { kind: 'members', membership: membershipOf(node) }
    case 'verify':
      return digestOf(node)
    case 'repair':
      await node.repair({ timeoutMs: order.timeoutMs })
      return { kind: 'condition', condition: conditionOf(node) }
    case 'skew':
      isSkewed = order.isSkewed
      return { kind: 'condition', condition: conditionOf(node) }
    case 'close':
      await node.close()
      setImmediate(() => process.exit(0))
      return { kind: 'position', position: node.status().applied.position }
  }
}

async function changeMembers(
  change: MemberChange,
  options: { readonly timeoutMs: number },
): Promise<void> {
  switch (change.kind) {
    case 'add':
      await node.addMember(change.member, options)
      return
    case 'remove':
      await node.removeMember(change.id, options)
      return
    case 'replace':
      await node.replaceMember(change.old, change.member, options)
  }
}

function failureOf(error: unknown): Failure {
  if (isSyneviError(error)) {
    const { code, message, definite } = error
    return { code, message, definite }
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { code: 'UNKNOWN', message: text, definite: false }
}

function reply(message: Reply): void {
  if (process.connected) process.send?.(message)
}
