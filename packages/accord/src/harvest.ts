/**
 * What the steps since the last drain amount to: one Ready, and what becomes true once it is
 * stored.
 */

import type { Context } from './context.ts'
import type { ReadyId } from './brand.ts'
import type { Truncation } from './durability/truncation.ts'
import type { Divergence } from './execute/divergence.ts'
import { invariant } from './invariant.ts'
import type { Identity } from './membership/identity.ts'
import type { EpochEnd, Watermark } from './message/message.ts'
import { Outbox } from './outbox.ts'
import type { Answer, PeerIdentity, ReadAnswer, Ready, Write } from './ready.ts'
import type { TxnId } from './time/timestamp.ts'
import type { StoredFeatures } from './topology/features.ts'
import type { FloorState } from './txn/floors.ts'

/** What becomes true when a Ready is stored. */
export interface Pending {
  readonly decided: readonly TxnId[]
  readonly answers: readonly Answer[]
  readonly reads: readonly ReadAnswer[]
  readonly applied: Watermark
  readonly durableSeq: bigint
  readonly peers: readonly PeerIdentity[]
  readonly features: StoredFeatures | undefined
  readonly floors: FloorState
  readonly ends: readonly EpochEnd[]
}

/** Collects writes and outputs; hands them out once, and remembers what waits for `stored`. */
export class Harvest {
  readonly #context: Context
  readonly #identity: Identity
  readonly #truncation: Truncation
  readonly #divergence: Divergence
  readonly #pending = new Map<ReadyId, Pending>()
  #appliedWrites: (Write & { kind: 'applied' })[] = []
  #nextReady = 0
  #wantsWrite = false

  constructor(
    context: Context,
    parts: { identity: Identity; truncation: Truncation; divergence: Divergence },
  ) {
    this.#context = context
    this.#identity = parts.identity
    this.#truncation = parts.truncation
    this.#divergence = parts.divergence
  }

  /** An execution, to be stored in the order of executions. */
  applied(write: Write & { kind: 'applied' }): void {
    this.#appliedWrites.push(write)
  }

  /** The next Ready has a write, if only its number. */
  wantWrite(): void {
    this.#wantsWrite = true
  }

  /** Undefined when there is nothing. `applied`: after the last execution. */
  take(applied: Watermark): Ready | undefined {
    const context = this.#context
    const id = this.#nextReady as ReadyId
    const writes = context.stopped ? [] : this.#takeWrites(id)
    if (writes.length === 0 && context.out.isEmpty) return undefined
    const { out } = context
    context.out = new Outbox()
    this.#nextReady += 1
    const { send, sendAfterStore, execute, answers, reads, notices } = out
    if (context.stopped) return onlyNotices(id, out)
    const decided = decisionsIn(writes)
    const { durableSeq } = this.#identity
    const ends = writes.flatMap((write) => (write.kind === 'epochEnd' ? [write.end] : []))
    const peers = writes.flatMap((write) => (write.kind === 'peer' ? [write.peer] : []))
    const features = writes.find((write) => write.kind === 'features')?.features
    this.#pending.set(id, {
      ...{ decided, applied, durableSeq, peers, ends, features, floors: context.floors.state },
      answers: out.answersAfterStore,
      reads: out.readsAfterStore,
    })
    return { id, send, writes, sendAfterStore, execute, answers, reads, notices }
  }

  /** That Ready is durable. */
  stored(ready: ReadyId): Pending {
    const pending = this.#pending.get(ready)
    invariant(pending !== undefined, 'only what was drained is stored')
    this.#pending.delete(ready)
    return pending
  }

  #takeWrites(id: ReadyId): Write[] {
    const { ledger, clock, floors, succession } = this.#context
    const applied = this.#appliedWrites
    this.#appliedWrites = []
    const ids = new Set(applied.map((write) => write.record.id))
    const writes: Write[] = [...ledger.takeWrites(id, ids), ...applied]
    const features = this.#context.features.takeWrite()
    if (features !== undefined) writes.push({ kind: 'features', features })
    const floor = floors.takeWrite()
    if (floor !== undefined) writes.push({ kind: 'floor', floor })
    const closed = floors.takeClosed()
    if (closed !== undefined) writes.push({ kind: 'closed', floors: closed })
    writes.push(...succession.takeWrites())
    const below = this.#truncation.takeWrite(id)
    if (below !== undefined) writes.push({ kind: 'truncated', below })
    const base = this.#truncation.takeLogWrite(id)
    if (base !== undefined) writes.push({ kind: 'logTruncated', base })
    const { peers, admitted } = this.#identity.takeWrites(writes.length > 0)
    for (const peer of peers) writes.push({ kind: 'peer', peer })
    if (admitted) writes.push({ kind: 'admitted' })
    const divergedAt = this.#divergence.takeFinding()
    if (divergedAt !== undefined) writes.push({ kind: 'diverged', position: divergedAt })
    if (writes.length === 0 && !this.#wantsWrite) return writes
    this.#wantsWrite = false
    const hlc = clock.extendReserve()
    if (hlc !== undefined) writes.push({ kind: 'hlcReserve', hlc })
    this.#identity.durableSeq += 1n
    writes.push({ kind: 'durableSeq', seq: this.#identity.durableSeq })
    return writes
  }
}

/** After the end only the reason is told: nothing more is written, sent, executed or answered. */
function onlyNotices(id: ReadyId, { notices }: Outbox): Ready {
  const nothing = { send: [], writes: [], sendAfterStore: [], execute: [], answers: [], reads: [] }
  return { id, ...nothing, notices }
}

/** The decisions in a write that wait for it to be executed. */
function decisionsIn(writes: readonly Write[]): readonly TxnId[] {
  const ids: TxnId[] = []
  for (const write of writes) {
    if (write.kind !== 'record' || write.record.applied) continue
    if (write.record.outcome?.kind === 'decided') ids.push(write.record.id)
  }
  return ids
}
