/** The hand-written bytes against a protobuf library, against themselves, and against noise. */

import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  encodeFrames,
  encodeHello,
  encodeWelcome,
  FRAME_OVERHEAD_BYTES,
  parseFromPeer,
  parseToPeer,
  PEER_MAGIC,
  type Hello,
  type Welcome,
} from './wire.ts'

const HELLO: Hello = {
  version: 1,
  cluster: Buffer.alloc(16, 0xc1),
  id: 'node-1',
  serial: 300,
  instance: Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]),
  targetId: 'knoten-ü',
  targetSerial: 65_535,
  frameVersion: 2,
}
const WELCOME: Welcome = {
  version: 1,
  cluster: Buffer.alloc(16, 0xc1),
  id: 'node-2',
  serial: 0,
  instance: Buffer.alloc(8, 9),
  frameMaxBytes: 16 * 1024 * 1024,
  frameVersion: 2,
}

interface Method {
  requestSerialize(value: object): Buffer
  requestDeserialize(bytes: Buffer): unknown
  responseSerialize(value: object): Buffer
  responseDeserialize(bytes: Buffer): unknown
}

/** The service of peer.proto as the library sees it that grpc-js brings along. */
function protobuf(): Method {
  const ofGrpc = createRequire(createRequire(import.meta.url).resolve('@grpc/grpc-js'))
  const loader: { loadSync(file: string, options: object): Record<string, { Exchange: Method }> } =
    ofGrpc('@grpc/proto-loader')
  const file = fileURLToPath(new URL('../proto/synevi/v1/peer.proto', import.meta.url))
  const service = loader.loadSync(file, { keepCase: true, defaults: true })['synevi.v1.Peer']
  if (service === undefined) throw new Error('peer.proto has no service synevi.v1.Peer')
  return service.Exchange
}

test('a protobuf library reads what we write', () => {
  const method = protobuf()
  expect(method.requestDeserialize(encodeHello(HELLO))).toEqual({
    hello: {
      magic: PEER_MAGIC,
      version: 1,
      cluster: HELLO.cluster,
      id: 'node-1',
      serial: 300,
      instance: HELLO.instance,
      target_id: 'knoten-ü',
      target_serial: 65_535,
      frame_version: 2,
    },
    frame: [],
  })
  const frames = [Buffer.alloc(1, 1), Buffer.alloc(127, 2), Buffer.alloc(20_000, 3)]
  expect(method.requestDeserialize(encodeFrames(frames))).toEqual({ hello: null, frame: frames })
  const { frameMaxBytes, frameVersion, ...rest } = WELCOME
  expect(method.responseDeserialize(encodeWelcome(WELCOME))).toEqual({
    welcome: { ...rest, frame_max_bytes: frameMaxBytes, frame_version: frameVersion },
  })
})

test('we read what a protobuf library writes', () => {
  const method = protobuf()
  const { targetId, targetSerial, frameVersion, ...rest } = HELLO
  const hello = {
    ...{ ...rest, magic: PEER_MAGIC, frame_version: frameVersion },
    ...{ target_id: targetId, target_serial: targetSerial },
  }
  expect(parseToPeer(method.requestSerialize({ hello }))).toEqual({
    ok: true,
    value: { kind: 'hello', hello: HELLO },
  })
  const frame = [Buffer.from('one'), Buffer.from('two')]
  expect(parseToPeer(method.requestSerialize({ frame }))).toEqual({
    ok: true,
    value: { kind: 'frames', frames: frame },
  })
  const { frameMaxBytes, frameVersion: reads, ...said } = WELCOME
  const welcome = { ...said, frame_max_bytes: frameMaxBytes, frame_version: reads }
  expect(parseFromPeer(method.responseSerialize({ welcome }))).toEqual({ ok: true, value: WELCOME })
})

test('frames come back as they were, at a cost of at most six bytes each', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 5 })
  fc.assert(
    fc.property(sizes, (lengths) => {
      const frames = lengths.map((length, at) => Buffer.alloc(length, at))
      const bytes = encodeFrames(frames)
      const most = lengths.reduce((sum, length) => sum + length + FRAME_OVERHEAD_BYTES, 0)
      expect(bytes.length).toBeLessThanOrEqual(most)
      const parsed = parseToPeer(bytes)
      const got = parsed.ok && parsed.value.kind === 'frames' ? parsed.value.frames : []
      expect(got.map((frame) => frame.length)).toEqual(lengths)
      expect(Buffer.compare(Buffer.concat([...got]), Buffer.concat(frames))).toBe(0)
    }),
    { numRuns: 100 },
  )
})

test('fields of a later version are skipped', () => {
  const unknown = Buffer.from([
    0x50, 7, 0x5a, 2, 1, 2, 0x65, 0, 0, 0, 0, 0x69, 0, 0, 0, 0, 0, 0, 0, 0,
  ])
  const parsed = parseToPeer(Buffer.concat([unknown, encodeFrames([Buffer.from('x')]), unknown]))
  expect(parsed).toEqual({ ok: true, value: { kind: 'frames', frames: [Buffer.from('x')] } })
})

test.each([
  ['nothing', Buffer.alloc(0), /neither hello nor frame/],
  ['a tag without end', Buffer.alloc(12, 0xff), /not protobuf/],
  ['a length beyond the end', Buffer.from([0x12, 5, 1]), /not protobuf/],
  [
    'a length of 2^62',
    Buffer.from([0x12, 255, 255, 255, 255, 255, 255, 255, 255, 63]),
    /not protobuf/,
  ],
  ['a group', Buffer.from([0x13]), /not protobuf/],
  ['an empty frame', Buffer.from([0x12, 0]), /an empty frame/],
  ['hello and frame', Buffer.concat([encodeHello(HELLO), Buffer.from([0x12, 1, 0])]), /both/],
  ['another magic', Buffer.from([0x0a, 3, 0x0a, 1, 0x78]), /a hello of something else/],
  ['a short cluster', encodeHello({ ...HELLO, cluster: Buffer.alloc(15) }), /cluster of 15 bytes/],
  ['a short instance', encodeHello({ ...HELLO, instance: Buffer.alloc(0) }), /instance of 0 bytes/],
  ['no id', encodeHello({ ...HELLO, id: '' }), /an id of 0 bytes/],
  ['a long id', encodeHello({ ...HELLO, id: 'x'.repeat(129) }), /an id of 129 bytes/],
  ['a great serial', encodeHello({ ...HELLO, serial: 65_536 }), /the serial 65536/],
])('%s is refused', (_name, bytes, why) => {
  const parsed = parseToPeer(bytes)
  expect(parsed).toMatchObject({ ok: false, why: expect.stringMatching(why) })
})

test('a hello of another version is read, so that it can be answered', () => {
  const parsed = parseToPeer(encodeHello({ ...HELLO, version: 7, cluster: Buffer.alloc(3) }))
  expect(parsed).toMatchObject({ ok: true, value: { hello: { version: 7 } } })
})

test('noise, and valid bytes with a flaw, are read or refused, never thrown at', () => {
  const valid = [encodeHello(HELLO), encodeFrames([Buffer.alloc(300, 1)]), encodeWelcome(WELCOME)]
  const flawed = fc
    .tuple(fc.constantFrom(...valid), fc.nat(), fc.integer({ min: 0, max: 255 }), fc.nat())
    .map(([bytes, at, value, cut]) => {
      const copy = Buffer.from(bytes)
      copy[at % copy.length] = value
      return copy.subarray(0, cut % 4 === 0 ? at % copy.length : copy.length)
    })
  const noise = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
  fc.assert(
    fc.property(fc.oneof(flawed, noise), (bytes) => {
      for (const parsed of [parseToPeer(bytes), parseFromPeer(bytes)]) {
        if (!parsed.ok) expect(parsed.why.length).toBeLessThan(100)
      }
    }),
    { numRuns: 5000 },
  )
})
