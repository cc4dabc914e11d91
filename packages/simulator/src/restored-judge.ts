/** What a restored cluster must be: what the old one was at the position of the backup. */

import type { AppliedTransaction, BackupManifest, Node } from 'synevi'
import { logOf } from './applied-log.ts'
import type { Acknowledged } from './check/durable.ts'
import { type Anomaly, type Operation, operationsOf } from './check/history.ts'
import type { StateDigests } from './check/state-digests.ts'
import type { World } from './world/world.ts'

/** Knows the old cluster, and its backup. */
export class RestoredJudge {
  readonly #world: World
  readonly #manifest: BackupManifest
  readonly #digests: StateDigests

  constructor(world: World, manifest: BackupManifest, digests: StateDigests) {
    this.#world = world
    this.#manifest = manifest
    this.#digests = digests
  }

  /** What clients of the old cluster were told, once for each request. */
  get acknowledged(): readonly Acknowledged[] {
    const { acknowledged } = this.#world.recorder
    return [...new Map(acknowledged.map((each) => [each.request, each])).values()]
  }

  /** Of a node that has done nothing yet: chain and state are those of the old cluster. */
  state(serial: number, node: Node): Anomaly | undefined {
    const { hash, execHash, position, executeAt } = this.#manifest
    const found = node.status().applied.hash
    if (found !== hash) return differs(serial, 'its chain', found, hash)
    const { agreement, coverage } = this.#world.watch
    const step = agreement.sequence.find((each) => each.executeAt === executeAt)
    if (step === undefined && executeAt !== 0n)
      return { name: 'backup of nothing applied', why: `position ${position}, ${executeAt}` }
    if (step !== undefined) {
      if (step.txnHash !== hash) return differs(serial, 'its chain', hash, step.txnHash)
      if (step.execHash !== execHash) return differs(serial, 'results', execHash, step.execHash)
      if (step.position !== position)
        return differs(serial, 'position', `${position}`, `${step.position}`)
    }
    const known = this.#digests.at(hash)
    if (known !== undefined) coverage.count('restored state compared')
    return this.#digest(serial, node, known ?? this.#manifest.stateDigest)
  }

  /** Of a node that was asked nothing new: position and state have stayed. */
  unmoved(serial: number, node: Node): Anomaly | undefined {
    const { position, stateDigest } = this.#manifest
    const found = node.status().applied.position
    if (found !== position) return differs(serial, 'position', `${found}`, `${position}`)
    return this.#digest(serial, node, stateDigest)
  }

  #digest(serial: number, node: Node, wanted: string): Anomaly | undefined {
    const found = node.stateDigest()
    return found === wanted ? undefined : differs(serial, 'state', found, wanted)
  }

  /**
   * The log of the new cluster: what its node has, behind what the old one had before. Undefined
   * where that is nowhere whole.
   */
  async log(
    node: Node | undefined,
    settled: <T>(promise: Promise<T>) => Promise<T | undefined>,
  ): Promise<readonly AppliedTransaction[] | undefined> {
    // A log that retains little may have dropped again what it began with.
    if (this.#world.plan.settings.retain !== undefined) return undefined
    const { position } = this.#manifest
    const before = this.#world.log.filter((entry) => entry.position <= position)
    if (node === undefined || BigInt(before.length) !== position) return undefined
    const after = await settled(logOf(node, { after: position }))
    return after === undefined ? undefined : [...before, ...after]
  }

  /** Those of the old cluster that are in the backup, or of which nobody knows. */
  restoredOperations(): readonly Operation[] {
    const last = Number(this.#manifest.position)
    const before = this.#world.log.filter((entry) => entry.position <= last)
    const known = new Set(before.map(({ id }) => id))
    const all = operationsOf(this.#world.recorder.lines)
    return all.filter(
      ({ request, outcome, position }) =>
        request !== undefined &&
        (outcome !== 'ok' || (position === undefined ? known.has(request) : position <= last)),
    )
  }
}

function differs(serial: number, what: string, found: string, wanted: string): Anomaly {
  const why = `node ${serial}: ${what} is ${found}, the old cluster had ${wanted}`
  return { name: 'not what was backed up', why }
}
