/**
 * Puts a staged snapshot in the place of a node's state (ADR 0026): the replica stops, one write
 * replaces the state, and a replica goes on from there as after a crash, in the same process.
 */

import type { Mutation, SubmissionId, TxnId } from '@synevi/accord'
import type { ParsedOptions } from '../options.ts'
import type { SeededRandom } from '../seeded-random.ts'
import { flipOf } from '../snapshot/flip.ts'
import type { Manifest } from '../snapshot/manifest.ts'
import type { FetchEnd } from '../snapshot/fetch-end.ts'
import { reopenFromStore, type OpenedReplica } from './open-replica.ts'
import { lackingExecutor } from './replay.ts'

/** What it takes of the node. */
export interface InstallParts {
  readonly options: ParsedOptions
  readonly opened: OpenedReplica
  readonly random: SeededRandom
  /** Resolves when nothing is written or executed any more. */
  readonly stop: () => Promise<void>
  /** The node failed, or is closed without waiting for this: nothing more is written. */
  readonly isOver: () => boolean
  readonly write: (batch: readonly Mutation[]) => Promise<void>
  /** Submitted here and not answered: the replica that follows answers them. */
  readonly submissions: () => ReadonlyMap<TxnId, SubmissionId>
  readonly reopened: (opened: OpenedReplica, isReplaced: boolean) => void
  readonly failed: (error: unknown) => void
}

/** Never rejects: what fails stops the node. */
export async function installSnapshot(manifest: Manifest, parts: InstallParts): Promise<FetchEnd> {
  const { options, opened, random } = parts
  const over: FetchEnd = { kind: 'failed', why: 'this node ended' }
  try {
    const base = manifest.base?.position ?? 0n
    const lacking = await lackingExecutor(options.executors, base)
    if (lacking !== undefined)
      return { kind: 'failed', why: `executor ${lacking} keeps state outside and lacks entries` }
    await parts.stop()
    if (parts.isOver()) return over
    const flip = flipOf(opened.store, manifest)
    if (flip.kind === 'ready') await parts.write(flip.mutations)
    if (parts.isOver()) return over
    const submissions = parts.submissions()
    const next = await reopenFromStore(options, random, { opened, submissions })
    if (parts.isOver()) return over
    parts.reopened(next, flip.kind === 'ready')
    if (flip.kind === 'refused') return { kind: 'failed', why: flip.why }
    return { kind: flip.kind === 'ready' ? 'installed' : 'ahead' }
  } catch (error) {
    if (parts.isOver()) return over
    parts.failed(error)
    return { kind: 'failed', why: 'this node failed' }
  }
}
