/**
 * Following from another's log what was missed (`protocol.md` 7.4): when, from whom, how much at a
 * time.
 */

import type { Millis } from '../brand.ts'
import type { Context } from '../context.ts'
import type { CatchUp, LogChunk, LogEntry, SnapshotOffer, Watermark } from '../message/message.ts'
import { adoptDecided } from '../replicate/on-stable.ts'
import { keysOfTxn } from '../txn/txn.ts'
import { epochOf, type NodeSerial, type Timestamp } from '../time/timestamp.ts'
import type { Peers } from './peers.ts'

/** Another peer is asked when one did not answer for so long. */
const ANSWER_MAX_MS = 1_000
/** A lead of so many entries is followed at once, a smaller one only when it lasts. */
const LEAD_MAX = 1_000n
/** About as many bytes in one chunk. */
const CHUNK_BYTES_MAX = 1_048_576

/** One chunk is asked for at a time; the next when the last is mostly executed. */
export class CatchUpLog {
  readonly #context: Context
  readonly #peers: Peers
  #asked: { readonly from: NodeSerial; readonly since: Timestamp; readonly at: Millis } | undefined
  /** More of the log of that peer, once there is room. */
  #more: { readonly from: NodeSerial; readonly since: Timestamp } | undefined
  #behindSince: Millis | undefined
  /** Until the first time no peer leads, a restarted node follows any lead at once. */
  #fresh = true

  constructor(context: Context, peers: Peers) {
    this.#context = context
    this.#peers = peers
  }

  /** Whether a chunk is awaited or held back. */
  get isActive(): boolean {
    return this.#asked !== undefined || this.#more !== undefined
  }

  /** Looks at the peers' heartbeats: after each of them, and on every heartbeat of our own. */
  review(own: { position: bigint; unapplied: number }): void {
    const { elapsed } = this.#context.now
    if (this.#asked !== undefined && elapsed - this.#asked.at > ANSWER_MAX_MS)
      this.#asked = undefined
    const leader = this.#leader(own.position)
    if (leader === undefined) {
      this.#behindSince = undefined
      if ([...this.#peers.all()].some((peer) => peer.heartbeat !== undefined)) this.#fresh = false
      return
    }
    this.#behindSince ??= elapsed
    const lead = leader.position - own.position
    const lasting = elapsed - this.#behindSince > 2 * this.#context.limits.recoverAfterMs
    if (!this.isActive && (this.#fresh || lead > LEAD_MAX || lasting)) this.request(leader.serial)
    this.proceed(own.unapplied)
  }

  /** Asks one peer now, unless an answer is awaited. */
  request(from: NodeSerial): void {
    if (this.#asked === undefined) this.#ask(from, this.#start())
  }

  /** Goes on with what was held back, when there is room again. */
  proceed(unapplied: number): void {
    const more = this.#more
    if (more === undefined || unapplied > this.#context.limits.chunkEntriesMax) return
    this.#more = undefined
    this.#ask(more.from, more.since)
  }

  /** Takes over the entries of a chunk that was asked for. */
  receive(from: NodeSerial, chunk: LogChunk): void {
    const asked = this.#asked
    if (asked === undefined || asked.from !== from || asked.since !== chunk.since) return
    this.#asked = undefined
    let fresh = 0
    // What is of an epoch that is not open here waits for the end of the one before.
    const { open } = this.#context.epochs
    const entries = chunk.entries.filter(({ id }) => epochOf(id) <= open.epoch)
    for (const entry of entries) if (this.#take(entry)) fresh += 1
    const last = entries.at(-1)
    if (last !== undefined) this.#context.out.notice({ kind: 'caughtUp', from, entries: fresh })
    if (chunk.more && entries.length === chunk.entries.length && last !== undefined)
      this.#more = { from, since: last.executeAt }
    else this.#behindSince = undefined
  }

  /** What was asked for is no longer in that peer's log. */
  offered(from: NodeSerial, offer: SnapshotOffer): void {
    if (this.#asked?.from !== from) return
    this.#asked = undefined
    this.#context.out.notice({ kind: 'snapshotWanted', from, position: offer.position })
  }

  /** For images. */
  image(): unknown {
    return {
      asked: this.#asked,
      more: this.#more,
      behindSince: this.#behindSince,
      fresh: this.#fresh,
    }
  }

  #take(entry: LogEntry): boolean {
    const { id, executeAt, txn, deps } = entry
    const keys = keysOfTxn(txn)
    if (this.#context.floors.isClosed(id)) return false
    const record = this.#context.ledger.get(id)
    if (record?.applied === true) return false
    if (record === undefined && this.#context.marks.covers(keys, executeAt)) return false
    adoptDecided(this.#context, { id, executeAt, keys, txn, deps })
    this.#useMarks(entry)
    return true
  }

  /**
   * What was decided here with deps that are closed elsewhere would wait for ever: nobody says any
   * more what became of them. The marks of the log cover whatever was applied of them (ADR 0017).
   */
  #useMarks({ id, executeAt, deps }: LogEntry): void {
    const { ledger } = this.#context
    const record = ledger.get(id)
    if (record?.outcome?.kind !== 'decided' || record.applied) return
    if (record.outcome.deps === undefined || record.outcome.deps.ids.length === 0) return
    ledger.put({ ...record, outcome: { kind: 'decided', executeAt, deps } })
  }

  #ask(from: NodeSerial, since: Timestamp): void {
    this.#asked = { from, since, at: this.#context.now.elapsed }
    this.#context.out.atOnce(from, { kind: 'catchUp', since })
  }

  #start(): Timestamp {
    const { marks, limits } = this.#context
    return limits.singleKey ? marks.max('all') : marks.lastAll
  }

  /** The peer that has applied most, if it leads: the nearest of equals, diverged ones left out. */
  #leader(position: bigint): { serial: NodeSerial; position: bigint } | undefined {
    let best: { serial: NodeSerial; position: bigint; rtt: Millis } | undefined
    for (const peer of this.#peers.all()) {
      const { heartbeat } = peer
      if (heartbeat === undefined || peer.suspected || peer.distrusted) continue
      // What has no entry leaves the position where it is, and conflicts with everything.
      const leads =
        heartbeat.applied.position > position ||
        (heartbeat.applied.position === position && heartbeat.lastAll > this.#context.marks.lastAll)
      if (heartbeat.phase === 'diverged' || !leads) continue
      const rtt = peer.latency.median
      const ahead = heartbeat.applied.position
      if (
        best === undefined ||
        ahead > best.position ||
        (ahead === best.position && rtt < best.rtt)
      ) {
        best = { serial: peer.serial, position: ahead, rtt }
      }
    }
    return best
  }
}

/**
 * Serves the log, which holds durable entries only; offers a snapshot when what is asked for is no
 * longer there, or too much (`protocol.md` 7.4, 8.4).
 */
export function onCatchUp(
  lead: { readonly context: Context; readonly peers: Peers },
  from: NodeSerial,
  asked: { readonly message: CatchUp; readonly applied: Watermark },
): void {
  const { context, peers } = lead
  const { since } = asked.message
  const { position, txnHash } = asked.applied
  const behind = position - (peers.get(from).heartbeat?.applied.position ?? position)
  const isFar = behind > context.limits.snapshotLeadMin && context.features.enabled('snapshots')
  if (since < context.reader.logStart() || isFar) {
    context.out.atOnce(from, { kind: 'snapshotOffer', position, bytes: 0n, digest: txnHash })
    context.out.notice({ kind: 'event', name: 'snapshotOffered' })
    return
  }
  const { entries, more } = context.reader.entriesAfter(
    since,
    context.limits.chunkEntriesMax,
    CHUNK_BYTES_MAX,
  )
  context.out.atOnce(from, { kind: 'logChunk', since, entries, more })
  context.out.notice({ kind: 'event', name: 'catchUpServed' })
}
