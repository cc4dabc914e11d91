/** Frames: what goes in comes out, bit for bit; what is not a frame is refused with a code. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { MessageKind } from '../message/message-kind.ts'
import type { Message } from '../message/message.ts'
import { DEPS_IDS_MAX } from '../message/bounds.ts'
import { epoch, nodeSerial, timestamp, TIMESTAMP_ZERO } from '../time/timestamp.ts'
import { NO_DEPS } from '../txn/deps.ts'
import { DEFAULT_KEYS, keysOf } from '../txn/keys.ts'
import { anyBytes, anyEpoch, anyNode } from '../test/arbitrary.ts'
import { ANY_MESSAGE, anyMessage } from '../test/arbitrary-message.ts'
import { HEADER_BYTES, fieldsOf, frameOf, resealed, sealed } from '../test/frame-bytes.ts'
import { decodeFrame, encodeFrame, type FrameLimits, type ReceivedFrame } from './frame.ts'
import { MESSAGE_CODECS } from './message-codec.ts'

const LIMITS: FrameLimits = { messagesMax: 16, payloadMaxBytes: 1 << 20 }

const id = timestamp(0x0001_0000_0000_0000_1234_0000_0001_0000n)

function decoded(bytes: Uint8Array, limits: FrameLimits = LIMITS): ReceivedFrame {
  const answer = decodeFrame(bytes, limits)
  if (!answer.ok) throw new Error(answer.why)
  return answer.value
}

function refusal(bytes: Uint8Array, limits: FrameLimits = LIMITS): string {
  const answer = decodeFrame(bytes, limits)
  return answer.ok ? 'decoded' : `${answer.code}: ${answer.why}`
}

const KINDS = Object.keys(ANY_MESSAGE).filter((kind): kind is MessageKind => kind in MESSAGE_CODECS)

describe('every message', () => {
  test.each(KINDS)('%s comes out as it went in, and goes in as it came out', (kind) => {
    const one: fc.Arbitrary<Message> = ANY_MESSAGE[kind]
    fc.assert(
      fc.property(fc.array(one, { maxLength: 3 }), (messages) => {
        const bytes = encodeFrame(frameOf(messages))
        const frame = decoded(bytes)
        expect(frame).toEqual({ ...frameOf(messages), unknown: [] })
        expect(encodeFrame(frame)).toEqual(bytes)
      }),
      { numRuns: 40 },
    )
  })

  test('each kind has its own tag, and the tags are those of version 1', () => {
    const tags = Object.entries(MESSAGE_CODECS).map(([kind, codec]) => [codec.tag, kind])
    expect(Object.fromEntries(tags)).toEqual({
      1: 'preAccept',
      2: 'preAcceptOk',
      3: 'refused',
      4: 'accept',
      5: 'acceptOk',
      6: 'acceptInvalid',
      7: 'acceptInvalidOk',
      8: 'recover',
      9: 'recoverOk',
      10: 'nack',
      11: 'decided',
      12: 'invalidated',
      13: 'truncated',
      14: 'wrongEpoch',
      15: 'stable',
      16: 'query',
      17: 'queryOk',
      18: 'raiseFloor',
      19: 'floorOk',
      20: 'epochEnd',
      21: 'readDeps',
      22: 'readDepsOk',
      23: 'epochClosing',
      24: 'catchUp',
      25: 'logChunk',
      26: 'snapshotOffer',
      27: 'heartbeat',
      28: 'amnesia',
      29: 'hashAt',
      30: 'hashAtOk',
      31: 'unsupported',
      32: 'snapshotFetch',
      33: 'snapshotPart',
      34: 'snapshotGone',
    })
    expect(tags).toHaveLength(KINDS.length)
  })

  test('the header comes out as it went in', () => {
    const header = fc.record({ cluster: anyBytes(16, 16), from: anyNode, openEpoch: anyEpoch })
    fc.assert(
      fc.property(header, fc.array(anyMessage, { maxLength: 8 }), (parts, messages) => {
        expect(decoded(encodeFrame({ ...parts, messages }))).toEqual({
          ...parts,
          messages,
          unknown: [],
        })
      }),
      { numRuns: 50 },
    )
  })

  test('keys named like parts of an object are only keys', () => {
    const keys = keysOf(['__proto__', 'constructor', 'toString'])
    const message: Message = {
      kind: 'acceptOk',
      id,
      ballot: { round: 1, node: nodeSerial(1) },
      deps: {
        ids: [],
        marks: keys === 'all' ? [] : keys.map((key) => ({ key, id, at: id })),
      },
    }
    const accept: Message = {
      kind: 'accept',
      ballot: { round: 1, node: nodeSerial(1) },
      id,
      keys,
      executeAt: id,
    }
    expect(decoded(encodeFrame(frameOf([message, accept]))).messages).toEqual([message, accept])
    expect(Object.prototype).not.toHaveProperty('id')
  })
})

describe('what is not a frame', () => {
  const bytes = encodeFrame(
    frameOf([
      { kind: 'accept', ballot: { round: 7, node: nodeSerial(2) }, id, keys: 'all', executeAt: id },
    ]),
  )

  test('a flipped bit is refused, wherever it is', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Uint8Array.from(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const answer = refusal(flipped)
      expect(answer).toMatch(bit >> 3 === 2 ? /^WRONG_VERSION: / : /^MALFORMED: /)
    }
  })

  test('a frame cut anywhere is refused', () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(refusal(bytes.slice(0, length))).toMatch(/^MALFORMED: /)
      if (length < HEADER_BYTES) continue
      expect(refusal(resealed(bytes.slice(0, length)))).toMatch(/^MALFORMED: /)
    }
  })

  test('a byte too many is refused', () => {
    expect(refusal(Uint8Array.from([...bytes, 0]))).toBe('MALFORMED: the checksum differs')
    expect(refusal(sealed([0, 0]))).toBe('MALFORMED: 1 bytes too many')
  })

  test('another version is told apart from damage', () => {
    const other = Uint8Array.from(bytes)
    other[2] = 3
    expect(refusal(other)).toBe('WRONG_VERSION: frame version 3, this node reads 1 to 2')
    expect(refusal(other.slice(0, 3))).toMatch(/^WRONG_VERSION: /)
  })

  test('an epoch of 0 is refused', () => {
    const other = encodeFrame(frameOf([]))
    other[21] = 0
    other[22] = 0
    expect(refusal(resealed(other))).toBe('MALFORMED: epochs begin at 1')
  })
})

describe('a later version', () => {
  test('its new kinds are passed over and named', () => {
    const known = fieldsOf({ kind: 'invalidated', id })
    const frame = decoded(
      sealed([3, 0, 0, 0, 4, 250, 1, 2, 3, 0, 0, 0, 17, 12, ...known, 0, 0, 0, 1, 0]),
    )
    expect(frame.messages).toEqual([{ kind: 'invalidated', id }])
    expect(frame.unknown).toEqual([250, 0])
  })

  test('its new fields at the end of a message are ignored', () => {
    const known = fieldsOf({ kind: 'invalidated', id })
    const frame = decoded(
      sealed([2, 0, 0, 0, 20, 12, ...known, 9, 9, 9, 0, 0, 0, 17, 12, ...known]),
    )
    expect(frame.messages).toEqual([
      { kind: 'invalidated', id },
      { kind: 'invalidated', id },
    ])
  })

  test('a message does not read into the next', () => {
    const known = fieldsOf({ kind: 'invalidated', id })
    expect(refusal(sealed([2, 0, 0, 0, 10, 12, ...known, 0, 0, 0, 10, 12, ...known]))).toBe(
      'MALFORMED: the bytes end too early',
    )
  })
})

describe('one value has one form', () => {
  const fields = [...fieldsOf({ kind: 'invalidated', id })]

  test.each([
    ['a count in more bytes than it needs', [0x80, 0]],
    ['a message of no length', [1, 0, 0, 0, 0]],
    ['a timestamp with low bits', [1, 0, 0, 0, 17, 12, ...fields.slice(0, 15), 1]],
    ['a flag of 2', [1, 0, 0, 0, 3, 16, 0, 2]],
    ['a reason without a name', [1, 0, 0, 0, 18, 3, ...fields, 9]],
    ['a transaction of kind 9', [1, 0, 0, 0, 18, 1, ...fields, 9]],
    ['an empty key', [1, 0, 0, 0, 6, 21, 0, 0, 1, 1, 0]],
    ['the key `all`', [1, 0, 0, 0, 9, 21, 0, 0, 1, 1, 3, 0x61, 0x6c, 0x6c]],
    ['a number beyond 2^53', [1, 0, 0, 0, 9, 23, 0xa0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0]],
  ])('%s is malformed', (_, body) => {
    expect(refusal(sealed(body))).toMatch(/^MALFORMED: /)
  })
})

describe('bounds', () => {
  test('more messages than the limit are refused', () => {
    const many = Array.from({ length: 17 }, (): Message => ({ kind: 'invalidated', id }))
    expect(refusal(encodeFrame(frameOf(many)))).toBe(
      'MALFORMED: a list of 17 items, 16 are the most',
    )
    expect(
      decoded(encodeFrame(frameOf(many)), { ...LIMITS, messagesMax: 17 }).messages,
    ).toHaveLength(17)
  })

  test('a payload of the limit passes, one byte more is refused', () => {
    const of = (length: number): Uint8Array =>
      encodeFrame(frameOf([preAccept(new Uint8Array(length))]))
    const limits = { ...LIMITS, payloadMaxBytes: 100 }
    expect(decoded(of(100), limits).messages).toHaveLength(1)
    expect(refusal(of(101), limits)).toBe('MALFORMED: a payload of 101 bytes, 100 are the most')
  })

  test.each([
    ['deps with 65,537 ids', [2, ...two(), 1, 0x84, 0x80, 0x01]],
    ['deps with 65,537 marks', [2, ...two(), 1, 0, 0x84, 0x80, 0x01]],
    ['1,025 keys', [21, 0, 0, 1, 0x88, 0x01]],
    ['a Query of 257 ids', [16, 0x82, 0x01]],
    ['a chunk of 4,097 entries', [25, ...one(), 0xa0, 0x01]],
    ['65 members', [20, 0, 1, ...two(), 0, 65]],
    ['17 ends of epochs', [14, 0, 1, 1, 17]],
    ['a digest of 65 bytes', [1, ...one(), 1, 0, 65]],
  ])('%s are refused before they are read', (_, fields) => {
    const filler = Array.from({ length: 5000 }, () => 0)
    const length = fields.length + filler.length
    const body = [1, 0, 0, length >> 8, length & 0xff, ...fields, ...filler]
    expect(refusal(sealed(body))).toMatch(/^MALFORMED: .* (are the most|where 64 are the most)$/)
  })

  test('a count that the bytes cannot hold is refused before anything is made for it', () => {
    const body = [2, ...two(), 1, 0x83, 0xff, 0x7f]
    expect(refusal(sealed([1, 0, 0, 0, body.length, ...body]))).toBe(
      'MALFORMED: a list claims more items than there are bytes',
    )
  })

  test('bytes of which memory would be made many times over are refused', () => {
    const entry = {
      id,
      executeAt: id,
      txn: {
        kind: 'application',
        keys: 'all',
        payload: Uint8Array.of(1),
        digest: Uint8Array.of(1),
      },
      deps: NO_DEPS,
      watermark: {
        position: 0n,
        executeAt: id,
        txnHash: Uint8Array.of(1),
        execHash: Uint8Array.of(1),
      },
    } as const
    const chunk: Message = {
      kind: 'logChunk',
      since: TIMESTAMP_ZERO,
      entries: Array.from({ length: 4096 }, () => entry),
      more: true,
    }
    const of = (chunks: number): Uint8Array =>
      encodeFrame(frameOf(Array.from({ length: chunks }, () => chunk)))
    const limits = { ...LIMITS, messagesMax: 64 }
    expect(decoded(of(4), limits).messages).toHaveLength(4)
    expect(refusal(of(12), limits)).toBe('MALFORMED: the bytes would take too much memory')
  })

  test('the encoder does not give what no decoder takes', () => {
    const ids = Array.from({ length: DEPS_IDS_MAX + 1 }, (_, i) => timestamp(BigInt(i) << 16n))
    const ballot = { round: 0, node: nodeSerial(0) }
    const tooMany: Message = { kind: 'acceptOk', id, ballot, deps: { ids, marks: [] } }
    expect(() => encodeFrame(frameOf([tooMany]))).toThrow('a list is within its bound')
    const noKeys: Message = { kind: 'readDeps', round: 1, epoch: epoch(1), keys: [] }
    expect(() => encodeFrame(frameOf([noKeys]))).toThrow('a set of keys is not empty')
    const negative: Message = { kind: 'hashAt', position: -1n }
    expect(() => encodeFrame(frameOf([negative]))).toThrow('a count fits in 64 bits')
    expect(() => encodeFrame({ ...frameOf([]), cluster: new Uint8Array(15) })).toThrow('16 bytes')
  })
})

describe('a frame owns its bytes', () => {
  const payloadIn = (bytes: Uint8Array): Uint8Array => {
    const message = decoded(bytes).messages[0]
    if (message?.kind !== 'preAccept' || message.txn.kind !== 'application')
      throw new Error('not it')
    return message.txn.payload
  }

  test('what was decoded does not change when the bytes do', () => {
    const bytes = encodeFrame(frameOf([preAccept(Uint8Array.of(1, 2, 3))]))
    const frame = decoded(bytes)
    const before = structuredClone(frame)
    bytes.fill(0xff)
    expect(frame).toEqual(before)
  })

  test('also when they came in a Buffer, whose slices are views', () => {
    const bytes = Buffer.from(encodeFrame(frameOf([preAccept(Uint8Array.of(1, 2, 3))])))
    const payload = payloadIn(bytes)
    bytes.fill(0xff)
    expect(payload).toEqual(Uint8Array.of(1, 2, 3))
    expect(payload.constructor).toBe(Uint8Array)
  })

  test('a frame inside a larger buffer is read where it lies', () => {
    const bytes = encodeFrame(frameOf([preAccept(Uint8Array.of(1, 2, 3))]))
    const larger = new Uint8Array(bytes.length + 20).fill(0xee)
    larger.set(bytes, 7)
    expect(payloadIn(larger.subarray(7, 7 + bytes.length))).toEqual(Uint8Array.of(1, 2, 3))
  })

  test('a large payload that is most of its frame is not copied; beside others it is', () => {
    const large = new Uint8Array(65_536).fill(7)
    const alone = encodeFrame(frameOf([preAccept(large)]))
    expect(payloadIn(alone).buffer).toBe(alone.buffer)
    expect(Buffer.compare(payloadIn(alone), large)).toBe(0)
    const three = encodeFrame(frameOf([preAccept(large), preAccept(large), preAccept(large)]))
    expect(payloadIn(three).buffer).not.toBe(three.buffer)
    expect(Buffer.compare(payloadIn(three), large)).toBe(0)
  })
})

function preAccept(payload: Uint8Array): Message {
  const digest = Uint8Array.of(1, 2, 3)
  return {
    kind: 'preAccept',
    id,
    txn: { kind: 'application', keys: DEFAULT_KEYS, payload, digest },
  }
}

/** The bytes of one timestamp, and of two. */
function one(): number[] {
  return [...fieldsOf({ kind: 'invalidated', id: timestamp(1n << 112n) })]
}
function two(): number[] {
  return [...one(), ...one()]
}
