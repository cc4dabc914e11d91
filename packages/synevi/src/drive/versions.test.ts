/** What a peer of another version is sent, and what becomes of messages that nobody here knows. */

import { describe, expect, test } from 'vitest'
import {
  FRAME_VERSION,
  FRAME_VERSION_MIN,
  decodeFrame,
  encodeFrame,
  epoch,
  nodeSerial,
  type Bytes,
  type NodeSerial,
  type ReceivedFrame,
} from '@synevi/accord'
import { SILENT } from '../contract/observe.ts'
import { raise } from '../test/local-cluster.ts'
import { Inbox } from './inbox.ts'
import { Outbox } from './outbox.ts'

const CLUSTER = new Uint8Array(16).fill(7)
const LIMITS = { messagesMax: 100, payloadMaxBytes: 1_000 }
const [self, one, two] = [nodeSerial(0), nodeSerial(1), nodeSerial(2)]

function makeOutbox() {
  const sent: { readonly to: NodeSerial; readonly frame: Bytes }[] = []
  const outbox = new Outbox({
    ...{ cluster: CLUSTER, self, frameMaxBytes: 1_000, messagesMax: 10, logger: SILENT },
    openEpoch: () => epoch(1),
    send: (to, frame) => sent.push({ to, frame }),
  })
  /** The version of the next frame to that peer, and the kinds in it. */
  const posted = (to: NodeSerial): readonly [number | undefined, readonly string[]] => {
    sent.length = 0
    const messages = [
      { kind: 'hashAt', position: 1n } as const,
      { kind: 'unsupported', tag: 9 } as const,
    ]
    outbox.post(messages.map((message) => ({ to, message })))
    const frame = sent[0]?.frame ?? raise('nothing was sent')
    const decoded = decodeFrame(frame, LIMITS)
    const value = decoded.ok ? decoded.value : raise(decoded.why)
    return [frame[2], value.messages.map(({ kind }) => kind)]
  }
  return { outbox, posted }
}

describe('the outbox', () => {
  test('speaks the oldest version until a peer says what it reads', () => {
    const { posted } = makeOutbox()
    expect(posted(one)).toEqual([FRAME_VERSION_MIN, ['hashAt']])
  })

  test('speaks to each peer the newest that both read', () => {
    const { outbox, posted } = makeOutbox()
    outbox.peerReads(one, FRAME_VERSION)
    outbox.peerReads(two, 1)
    expect(posted(one)).toEqual([FRAME_VERSION, ['hashAt', 'unsupported']])
    expect(posted(two)).toEqual([1, ['hashAt']])
    outbox.peerReads(one, 99)
    expect(posted(one)[0]).toBe(FRAME_VERSION)
  })

  test('forgets what a lost peer read: another build may come back', () => {
    const { outbox, posted } = makeOutbox()
    outbox.peerReads(one, FRAME_VERSION)
    outbox.peerReads(one, FRAME_VERSION_MIN)
    expect(posted(one)[0]).toBe(FRAME_VERSION_MIN)
    for (const nonsense of [0, -1]) {
      outbox.peerReads(one, nonsense)
      expect(posted(one)[0]).toBe(FRAME_VERSION_MIN)
    }
  })
})

describe('the inbox', () => {
  function makeInbox(unknown: readonly number[]) {
    const answered: (readonly [number, number])[] = []
    const received: number[] = []
    const parts = { cluster: CLUSTER, from: one, openEpoch: epoch(1) }
    const value: ReceivedFrame = { ...parts, messages: [{ kind: 'hashAt', position: 1n }], unknown }
    const inbox = new Inbox({
      ...{ cluster: CLUSTER, limits: LIMITS, logger: SILENT, isMember: () => true },
      receive: (_, messages) => received.push(messages.length),
      unsupported: (from, tag) => answered.push([from, tag]),
      decode: () => ({ ok: true, value }),
    })
    return { inbox, answered, received }
  }

  test('takes what it knows, and answers each other kind once a link', () => {
    const { inbox, answered, received } = makeInbox([200, 201, 200])
    for (let i = 0; i < 3; i++) inbox.accept(one, new Uint8Array(0))
    expect(received).toEqual([1, 1, 1])
    expect(answered).toEqual([
      [1, 200],
      [1, 201],
    ])
    expect(inbox.refusedCount).toBe(0)
    inbox.linked(one)
    inbox.accept(one, new Uint8Array(0))
    expect(answered).toHaveLength(4)
  })

  test('never answers an answer', () => {
    const { inbox, answered } = makeInbox([])
    const messages = [{ kind: 'unsupported', tag: 200 } as const]
    const frame = encodeFrame({ cluster: CLUSTER, from: one, openEpoch: epoch(1), messages })
    inbox.accept(one, frame)
    expect(answered).toEqual([])
  })
})
