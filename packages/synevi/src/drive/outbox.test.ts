/** Frames out and in: grouping, limits, and what is refused. */

import { describe, expect, test } from 'vitest'
import {
  decodeFrame,
  encodeFrame,
  epoch,
  nodeSerial,
  timestampOf,
  hlc,
  type Bytes,
  type Envelope,
  type Message,
  type NodeSerial,
} from '@synevi/accord'
import { SILENT } from '../contract/observe.ts'
import { raise } from '../test/local-cluster.ts'
import { Inbox } from './inbox.ts'
import { Outbox } from './outbox.ts'

const CLUSTER = new Uint8Array(16).fill(7)
const [self, one, two] = [nodeSerial(0), nodeSerial(1), nodeSerial(2)]
const LIMITS = { messagesMax: 65_536, payloadMaxBytes: 1 << 24 }

function message(i: number, bytes = 1): Message {
  const id = timestampOf({ epoch: epoch(1), hlc: hlc(BigInt(i) << 16n), node: self })
  const payload = new Uint8Array(bytes)
  const txn = { kind: 'application', keys: 'all', payload, digest: new Uint8Array(16) } as const
  return { kind: 'preAccept', id, txn }
}

function makeOutbox(frameMaxBytes = 1 << 20, messagesMax = 100) {
  const sent: { readonly to: NodeSerial; readonly frame: Bytes }[] = []
  const outbox = new Outbox({
    ...{ cluster: CLUSTER, self, frameMaxBytes, messagesMax, logger: SILENT },
    openEpoch: () => epoch(1),
    send: (to, frame) => sent.push({ to, frame }),
  })
  const ids = (): readonly (readonly [number, readonly bigint[]])[] =>
    sent.map(({ to, frame }) => {
      const decoded = decodeFrame(frame, LIMITS)
      const messages = decoded.ok ? decoded.value.messages : raise(decoded.why)
      return [
        to,
        messages.map((each) => (each.kind === 'preAccept' ? (each.id >> 48n) & 0xffffn : -1n)),
      ]
    })
  return { outbox, sent, ids }
}

describe('the outbox', () => {
  test('one frame a peer, in order', () => {
    const { outbox, ids } = makeOutbox()
    const envelopes: Envelope[] = [one, two, one, one, two].map((to, i) => ({
      to,
      message: message(i),
    }))
    outbox.post(envelopes)
    outbox.post([])
    expect(ids()).toEqual([
      [1, [0n, 2n, 3n]],
      [2, [1n, 4n]],
    ])
  })

  test('no frame above its bytes or messages, all messages, in order', () => {
    const { outbox, sent, ids } = makeOutbox(1_000, 7)
    outbox.post(
      Array.from({ length: 50 }, (_, i) => ({
        to: one,
        message: message(i, i % 5 === 0 ? 700 : 10),
      })),
    )
    expect(ids().flatMap(([, list]) => list)).toEqual(
      Array.from({ length: 50 }, (_, i) => BigInt(i)),
    )
    for (const { frame } of sent) expect(frame.length).toBeLessThanOrEqual(1_000)
    for (const [, list] of ids()) expect(list.length).toBeLessThanOrEqual(7)
    expect(outbox.droppedCount).toBe(0)
  })

  test('a message that fits into no frame is not sent, those around it are', () => {
    const { outbox, ids } = makeOutbox(1_000)
    outbox.post([10, 2_000, 10].map((bytes, i) => ({ to: one, message: message(i, bytes) })))
    expect(ids().flatMap(([, list]) => list)).toEqual([0n, 2n])
    expect(outbox.droppedCount).toBe(1)
  })
})

describe('the inbox', () => {
  function makeInbox() {
    const received: (readonly [number, number])[] = []
    const lines: unknown[] = []
    const inbox = new Inbox({
      ...{ cluster: CLUSTER, limits: LIMITS },
      logger: { ...SILENT, warn: (fields) => lines.push(fields) },
      isMember: (serial) => serial === one || serial === two,
      receive: (from, messages) => received.push([from, messages.length]),
      unsupported: () => undefined,
    })
    return { inbox, received, lines }
  }
  const frame = (from: NodeSerial, cluster: Bytes = CLUSTER): Bytes =>
    encodeFrame({ cluster, from, openEpoch: epoch(1), messages: [message(1), message(2)] })

  test('takes what members of this cluster say in their own name', () => {
    const { inbox, received } = makeInbox()
    inbox.accept(one, frame(one))
    expect(received).toEqual([[1, 2]])
    expect(inbox.refusedCount).toBe(0)
  })

  test('refuses strangers, other clusters, false names, garbage; counts, and logs few', () => {
    const { inbox, received, lines } = makeInbox()
    inbox.accept(nodeSerial(9), frame(nodeSerial(9)))
    inbox.accept(one, frame(one, new Uint8Array(16)))
    inbox.accept(one, frame(two))
    const good = frame(one)
    for (let cut = 0; cut < good.length; cut++) inbox.accept(one, good.slice(0, cut))
    for (let at = 0; at < good.length; at++) {
      const flipped = good.slice()
      flipped[at] = (flipped[at] ?? 0) ^ 0x10
      inbox.accept(one, flipped)
    }
    expect(received).toEqual([])
    expect(inbox.refusedCount).toBe(3 + 2 * good.length)
    expect(lines.length).toBeLessThan(20)
    inbox.accept(one, good)
    expect(received.length).toBe(1)
  })
})
