/** A node's snapshots: those it gives, and the one it takes. */

import {
  type Bytes,
  type Input,
  type Message,
  type Mutation,
  type NodeSerial,
} from '@synevi/accord'
import type { Store } from '../contract/store.ts'
import type { ParsedOptions } from '../options.ts'
import type { Manifest } from '../snapshot/manifest.ts'
import type { FetchEnd, SnapshotProgress } from '../snapshot/fetch-end.ts'
import { SnapshotFetcher } from '../snapshot/snapshot-fetcher.ts'
import { SnapshotService } from '../snapshot/snapshot-service.ts'

/** What they need of the node. */
export interface SnapshotsParts {
  readonly options: ParsedOptions
  readonly self: NodeSerial
  readonly cluster: Bytes
  /** The whole store. */
  readonly store: Store
  /** Beside the driver's writes. */
  readonly write: (batch: readonly Mutation[]) => Promise<void>
  readonly post: (to: NodeSerial, message: Message) => void
  /** Of the open epoch, reachable or not: they confirm what was applied. */
  readonly voters: () => readonly NodeSerial[]
  readonly isReachable: (serial: NodeSerial) => boolean
  readonly random: (count: number) => Bytes
  readonly mayServe: () => boolean
  readonly install: (manifest: Manifest) => Promise<FetchEnd>
  /** Resolves when nobody reads the state before the last one any more. */
  readonly unread: () => Promise<void>
  readonly failed: (error: unknown) => void
  /** A part of the snapshot that is being taken is staged. */
  readonly progress: (progress: SnapshotProgress) => void
}

/** Parts stay well below what a frame may hold. */
const PART_BYTES_MAX = 262_144

/** Hears the messages that have to do with snapshots, which the replica does not. */
export class Snapshots {
  readonly #service: SnapshotService
  readonly #fetcher: SnapshotFetcher
  #progress: SnapshotProgress | undefined

  constructor(parts: SnapshotsParts) {
    const { clock, logger, limits } = parts.options
    const { cluster, post, store } = parts
    const partBytes = Math.min(PART_BYTES_MAX, Math.max(1, limits.frameMaxBytes >> 1))
    this.#service = new SnapshotService({
      ...{ store, cluster, clock, logger, post, random: parts.random, mayServe: parts.mayServe },
      limits: { partBytes, logTail: limits.snapshotTail },
    })
    this.#fetcher = new SnapshotFetcher({
      self: parts.self,
      ...{
        store,
        cluster,
        clock,
        logger,
        post,
        write: parts.write,
        voters: parts.voters,
        isReachable: parts.isReachable,
      },
      ...{ unread: parts.unread, failed: parts.failed },
      install: async (manifest) => {
        const end = await parts.install(manifest)
        // Cuts of a state that is no longer this node's are given to nobody.
        if (end.kind === 'installed') this.#service.closeCuts()
        return end
      },
      progress: (progress) => {
        this.#progress = progress
        if (progress !== undefined) parts.progress(progress)
      },
    })
  }

  /** How far the snapshot is that is being taken. */
  get progress(): SnapshotProgress | undefined {
    return this.#progress
  }

  /** Goes on with what an earlier process left behind. */
  start(): void {
    this.#fetcher.start()
  }

  /** Takes a snapshot from there, unless one is being taken; `ended` is told how that ended. */
  take(from: NodeSerial, ended?: (end: FetchEnd) => void): void {
    this.#fetcher.begin(from, ended)
  }

  /** What is left of the messages of a frame for the replica. */
  inputsOf(from: NodeSerial, messages: readonly Message[]): readonly Input[] {
    const inputs: Input[] = []
    for (const message of messages) {
      if (!this.#heard(from, message)) inputs.push({ kind: 'receive', from, message })
    }
    return inputs
  }

  /** True: it was for this alone. */
  #heard(from: NodeSerial, message: Message): boolean {
    switch (message.kind) {
      case 'snapshotFetch':
        this.#service.asked(from, message)
        return true
      case 'snapshotPart':
      case 'snapshotGone':
        this.#fetcher.heard(from, message)
        return true
      case 'hashAtOk':
        this.#fetcher.heardHash(from, message)
        return false
      default:
        return false
    }
  }

  /** Resolves when nothing is written any more. */
  async close(): Promise<void> {
    this.#service.close()
    await this.#fetcher.close()
  }
}
