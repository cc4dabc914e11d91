/**
 * Fair completion: faults end, every message arrives, timers run. Then everything known must get
 * its outcome and be applied, within a bound of simulated time (`protocol.md` 13.1.15).
 */

import type { CoreNode } from './core-node.ts'
import type { CoreWorld } from './core-world.ts'
import { check, Violation } from './violation.ts'

/** A message takes so long. */
const DELAY_MS = 1
/** Messages in one round, at most: more is a storm. */
const BAG_MAX = 20_000

/** How it went. */
export interface Completed {
  /** Simulated time it took. */
  readonly ms: number
}

/**
 * `patienceMs`: the most simulated time it may take. Nodes that do not run stay so. Throws a
 * Violation when stuck.
 */
export function complete(world: CoreWorld, patienceMs: number): Completed {
  let ms = 0
  for (;;) {
    for (const node of world.nodes) world.settle(node.serial)
    if (world.bag.length === 0 || ms % 8 === 0) {
      if (isComplete(world) && isCompleteAfterLate(world)) return finish(world, ms)
    }
    check(ms <= patienceMs, 'stuck', () => `not finished after ${ms} ms: ${unfinished(world)}`)
    check(world.bag.length < BAG_MAX, 'livelock', () => `${world.bag.length} messages under way`)
    const step = world.bag.length > 0 ? DELAY_MS : untilDue(world)
    const arriving = world.bag.splice(0, world.bag.length)
    world.advance(step)
    ms += step
    for (const packet of arriving) world.deliver(packet)
  }
}

/** What is still under way may bring something that nobody running knew. */
function isCompleteAfterLate(world: CoreWorld): boolean {
  const arriving = world.bag.splice(0, world.bag.length)
  for (const packet of arriving) world.deliver(packet)
  for (const node of world.nodes) world.settle(node.serial)
  return isComplete(world)
}

function finish(world: CoreWorld, ms: number): Completed {
  const owed = world.truth.unanswered()
  check(owed.length === 0, 'answer', () => `submissions ${owed.join(', ')} were never answered`)
  checkSameHistory(world)
  return { ms }
}

function untilDue(world: CoreWorld): number {
  let least = Number.POSITIVE_INFINITY
  for (const node of world.nodes) {
    if (node.alive) least = Math.min(least, node.dueInMs ?? least)
  }
  check(Number.isFinite(least), 'stuck', () => `no timer runs: ${unfinished(world)}`)
  return Math.max(1, Math.ceil(least))
}

function isComplete(world: CoreWorld): boolean {
  return unfinished(world) === undefined
}

/** What is not finished at a running node; undefined when all is. */
function unfinished(world: CoreWorld): string | undefined {
  for (const node of world.nodes) {
    if (!node.alive) continue
    const epoch = epochUnfinished(world, node)
    if (epoch !== undefined) return epoch
    if (!isMember(world, node)) continue
    for (const record of node.store.records()) {
      if (record.applied || record.outcome?.kind === 'invalidated') continue
      const { transcript } = world
      return `${transcript.txn(record.id)} at n${node.serial}: ${transcript.record(record)}`
    }
    const done = new Set(world.truth.executed(node.serial))
    for (const known of world.truth.known()) {
      if (typeof known.outcome !== 'bigint' || done.has(known.id)) continue
      return `${world.transcript.txn(known.id)}, decided, is not applied at n${node.serial}`
    }
    const status = node.status()
    const { undecided = 0, unapplied = 0, inFlight = 0, reads = 0 } = status ?? {}
    if (undecided + unapplied + inFlight + reads > 0) {
      const left = `${undecided} undecided, ${unapplied} unapplied, ${inFlight} in flight`
      return `n${node.serial} counts ${left}, ${reads} reads`
    }
  }
  return undefined
}

function isMember(world: CoreWorld, { serial }: CoreNode): boolean {
  const { epochs } = world.truth
  return epochs.membersOf(epochs.last).includes(serial)
}

/** Members have opened the last epoch and finished those before; whoever was left out has gone. */
function epochUnfinished(world: CoreWorld, node: CoreNode): string | undefined {
  const { epochs } = world.truth
  const status = node.status()
  if (status === undefined) return undefined
  const { configuration, closing, finishedEpoch, role, parked } = status
  const where = `n${node.serial} in epoch ${configuration.epoch} of ${epochs.last}`
  if (!isMember(world, node)) {
    let wasMember = false
    for (let epoch = 1; epoch < epochs.last; epoch++)
      wasMember ||= epochs.membersOf(epoch).includes(node.serial)
    // Those who followed it may have gone themselves: then nobody is left to let it go.
    const isAlone = configuration.members.some(({ serial }) => world.isRetired(serial))
    return wasMember && !isAlone ? `${where}, ${role}, waits to be let go` : undefined
  }
  if (configuration.epoch !== epochs.last) return `${where} lags`
  if (closing || node.store.epochs.pending !== undefined || parked > 0) return `${where} closes it`
  return finishedEpoch < epochs.last - 1 ? `${where} has finished ${finishedEpoch}` : undefined
}

/** With one chain, nodes that applied as much agree on the hashes. */
function checkSameHistory(world: CoreWorld): void {
  const [first, ...rest] = world.nodes.filter((node) => node.alive && isMember(world, node))
  if (first === undefined) return
  const { position, txnHash } = first.store.applied
  for (const { serial, store } of rest) {
    if (store.applied.position !== position || String(store.applied.txnHash) !== String(txnHash)) {
      throw new Violation('history', `n${first.serial} and n${serial} end differently`)
    }
  }
}
