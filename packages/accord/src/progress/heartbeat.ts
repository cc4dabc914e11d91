/** Heartbeats: durable facts, and a ping (`protocol.md` 7.5). */

import { millis, type Bytes, type Millis } from '../brand.ts'
import type { Context } from '../context.ts'
import type { Heartbeat, NodePhase, Watermark } from '../message/message.ts'
import { epochOf, type NodeSerial } from '../time/timestamp.ts'
import type { Peers } from './peers.ts'

/** What a heartbeat states beside what the node always knows. */
export interface HeartbeatFacts {
  readonly storeId: Bytes
  /** Durable. */
  readonly applied: Watermark
  readonly durableSeq: bigint
  readonly inFlight: number
  readonly phase: NodePhase
}

/** The heartbeat for one peer: it echoes that peer's last. */
export function heartbeatFor(
  lead: { context: Context; peers: Peers },
  to: { serial: NodeSerial; knownStoreId: Bytes },
  facts: HeartbeatFacts,
): Heartbeat {
  const { context, peers } = lead
  const peer = peers.has(to.serial) ? peers.get(to.serial) : undefined
  const heldMs = millis(context.now.elapsed - (peer?.heartbeatAt ?? context.now.elapsed))
  const heard = peer?.heartbeat
  const echo = heard === undefined ? undefined : { sentAt: heard.sentAt, heldMs }
  return {
    kind: 'heartbeat',
    storeId: facts.storeId,
    durableSeq: facts.durableSeq,
    knownStoreId: to.knownStoreId,
    openEpoch: context.succession.openDurable,
    finishedEpoch: finishedIn(context),
    floor: context.floors.durable.floor,
    closedBefore: context.floors.durable.closedBefore,
    lastAll: context.marks.lastAll,
    applied: facts.applied,
    oldestPosition: context.reader.oldestPosition(),
    wallNanos: context.now.wall,
    sentAt: context.now.elapsed,
    echo,
    inFlight: facts.inFlight,
    phase: facts.phase,
    features: context.features.claims,
  }
}

/** Takes over what a trusted heartbeat says: distance, clock, progress. */
export function hearHeartbeat(
  context: Context,
  peers: Peers,
  heard: { from: NodeSerial; message: Heartbeat },
): void {
  const { from, message } = heard
  const peer = peers.get(from)
  peer.heartbeat = message
  peer.heartbeatAt = context.now.elapsed
  const rtt = roundTrip(context.now.elapsed, message)
  if (rtt === undefined) return
  peers.measured(context, { from, rtt, wall: message.wallNanos })
  const { offsetMs } = peer.latency
  const isFar = BigInt(Math.abs(offsetMs)) * 2_000_000n > context.limits.clockDriftMaxNanos
  if (isFar && !peer.offsetAlarm) context.out.notice({ kind: 'clockOffset', peer: from, offsetMs })
  peer.offsetAlarm = isFar
}

/**
 * Now, less when the echoed one was sent, less how long the peer held it; undefined for what cannot
 * be.
 */
function roundTrip(now: Millis, message: Heartbeat): Millis | undefined {
  if (message.echo === undefined) return undefined
  const rtt = now - message.echo.sentAt - message.echo.heldMs
  return rtt >= 0 && rtt <= 60_000 ? millis(rtt) : undefined
}

/** The last epoch of which everything is executed here, durably; 0 before the first. */
function finishedIn({ floors }: Context): number {
  return Math.max(1, epochOf(floors.durable.closedBefore)) - 1
}
