/**
 * The bytes of `proto/synevi/v1/peer.proto`, written and read by hand: proto3 as any protobuf
 * library has it.
 */

import type { Bytes } from 'synevi'

/** The version of peer.proto that this code speaks. */
export const PEER_VERSION = 1
/** Opens every hello. */
export const PEER_MAGIC = 'synevi/peer'
/** Of a cluster's name. */
export const CLUSTER_BYTES = 16
/** Of what tells one start of a node from another. */
export const INSTANCE_BYTES = 8
/** Of a node's id in UTF-8. */
export const ID_MAX_BYTES = 128
const SERIAL_MAX = 0xffff

/** What a dialer says first. */
export interface Hello {
  readonly version: number
  /** 16 bytes. */
  readonly cluster: Bytes
  readonly id: string
  readonly serial: number
  /** 8 bytes, drawn at each start. */
  readonly instance: Bytes
  readonly targetId: string
  readonly targetSerial: number
  /** The newest version of frames that the dialer's node reads. */
  readonly frameVersion: number
}

/** What an accepted dialer hears. */
export interface Welcome {
  readonly version: number
  readonly cluster: Bytes
  readonly id: string
  readonly serial: number
  readonly instance: Bytes
  readonly frameMaxBytes: number
  /** The newest version of frames that the listener's node reads. */
  readonly frameVersion: number
}

/** Of the body of a question. */
export const QUESTION_MAX_BYTES = 4096

/** What a node asks that is no member yet. */
export interface Question {
  readonly version: number
  readonly id: string
  readonly body: Bytes
}

/** What a dialer sends: one hello, then frames. */
export type ToPeer =
  | { readonly kind: 'hello'; readonly hello: Hello }
  | { readonly kind: 'frames'; readonly frames: readonly Bytes[] }

/** What a door answers: the value, or why the bytes are refused. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly why: string }

/** The bytes that `encodeFrames` adds to one frame at most: a tag and a length. */
export const FRAME_OVERHEAD_BYTES = 6

/** A ToPeer with a hello. */
export function encodeHello(hello: Hello): Buffer {
  return message([
    field(
      1,
      message([
        field(1, Buffer.from(PEER_MAGIC)),
        number(2, hello.version),
        field(3, hello.cluster),
        field(4, Buffer.from(hello.id)),
        number(5, hello.serial),
        field(6, hello.instance),
        field(7, Buffer.from(hello.targetId)),
        number(8, hello.targetSerial),
        number(9, hello.frameVersion),
      ]),
    ),
  ])
}

/** A FromPeer. */
export function encodeWelcome(welcome: Welcome): Buffer {
  return message([
    field(
      1,
      message([
        number(1, welcome.version),
        field(2, welcome.cluster),
        field(3, Buffer.from(welcome.id)),
        number(4, welcome.serial),
        field(5, welcome.instance),
        number(6, welcome.frameMaxBytes),
        number(7, welcome.frameVersion),
      ]),
    ),
  ])
}

/**
 * A ToPeer with frames, in their order: one allocation and one copy, since this runs for every
 * frame sent.
 */
export function encodeFrames(frames: readonly Bytes[]): Buffer {
  let length = 0
  for (const frame of frames) length += 1 + varintLength(frame.length) + frame.length
  const out = Buffer.allocUnsafe(length)
  let at = 0
  for (const frame of frames) {
    out[at++] = 0x12
    at = writeVarint(out, at, frame.length)
    out.set(frame, at)
    at += frame.length
  }
  return out
}

/** For `Ask`. */
export function encodeQuestion(question: Question): Buffer {
  return message([
    field(1, Buffer.from(PEER_MAGIC)),
    number(2, question.version),
    field(3, Buffer.from(question.id)),
    field(4, question.body),
  ])
}

/** The answer to a question. */
export function encodeReply(body: Bytes): Buffer {
  return message([field(1, body)])
}

/** Refuses what is not a question. Of another version only that is read. */
export function parseQuestion(bytes: Buffer): Parsed<Question> {
  const parts = collect(bytes)
  if (parts === undefined) return refused('a question that is not protobuf')
  if (parts.bytes.get(1)?.toString('latin1') !== PEER_MAGIC)
    return refused('a question of something else')
  const question = {
    version: parts.numbers.get(2) ?? 0,
    id: parts.bytes.get(3)?.toString() ?? '',
    body: parts.bytes.get(4) ?? Buffer.alloc(0),
  }
  if (question.version !== PEER_VERSION) return { ok: true, value: question }
  const idBytes = Buffer.byteLength(question.id)
  if (idBytes === 0 || idBytes > ID_MAX_BYTES) return refused(`an id of ${idBytes} bytes`)
  const { length } = question.body
  if (length > QUESTION_MAX_BYTES) return refused(`a question of ${length} bytes`)
  return { ok: true, value: question }
}

/** Refuses what is not a reply. */
export function parseReply(bytes: Buffer): Parsed<Bytes> {
  const parts = collect(bytes)
  if (parts === undefined) return refused('a reply that is not protobuf')
  return { ok: true, value: parts.bytes.get(1) ?? Buffer.alloc(0) }
}

/** Frames share the memory of `bytes`. Refuses what peer.proto forbids, skips unknown fields. */
export function parseToPeer(bytes: Buffer): Parsed<ToPeer> {
  const frames: Bytes[] = []
  let hello: Buffer | undefined
  for (const part of fields(bytes)) {
    if (part === undefined) return refused('a message that is not protobuf')
    if (part.number === 1 && part.bytes !== undefined) hello = part.bytes
    if (part.number === 2 && part.bytes !== undefined) {
      if (part.bytes.length === 0) return refused('an empty frame')
      frames.push(part.bytes)
    }
  }
  if (hello === undefined) {
    if (frames.length === 0) return refused('a message with neither hello nor frame')
    return { ok: true, value: { kind: 'frames', frames } }
  }
  if (frames.length > 0) return refused('a message with both hello and frames')
  const parsed = parseHello(hello)
  return parsed.ok ? { ok: true, value: { kind: 'hello', hello: parsed.value } } : parsed
}

/** Refuses what is not a Welcome. */
export function parseFromPeer(bytes: Buffer): Parsed<Welcome> {
  let inner: Buffer | undefined
  for (const part of fields(bytes)) {
    if (part === undefined) return refused('an answer that is not protobuf')
    if (part.number === 1) inner = part.bytes
  }
  const body = inner === undefined ? undefined : collect(inner)
  if (body === undefined) return refused('an answer without welcome')
  const welcome = {
    version: body.numbers.get(1) ?? 0,
    cluster: body.bytes.get(2) ?? Buffer.alloc(0),
    id: body.bytes.get(3)?.toString() ?? '',
    serial: body.numbers.get(4) ?? 0,
    instance: body.bytes.get(5) ?? Buffer.alloc(0),
    frameMaxBytes: body.numbers.get(6) ?? 0,
    // A node of 0.1.0 does not say: it reads version 1.
    frameVersion: body.numbers.get(7) ?? 1,
  }
  const flaw = flawOf(welcome)
  return flaw === undefined ? { ok: true, value: welcome } : refused(`a welcome with ${flaw}`)
}

function parseHello(bytes: Buffer): Parsed<Hello> {
  const body = collect(bytes)
  if (body === undefined) return refused('a hello that is not protobuf')
  if (body.bytes.get(1)?.toString('latin1') !== PEER_MAGIC)
    return refused('a hello of something else')
  const hello = {
    version: body.numbers.get(2) ?? 0,
    cluster: body.bytes.get(3) ?? Buffer.alloc(0),
    id: body.bytes.get(4)?.toString() ?? '',
    serial: body.numbers.get(5) ?? 0,
    instance: body.bytes.get(6) ?? Buffer.alloc(0),
    targetId: body.bytes.get(7)?.toString() ?? '',
    targetSerial: body.numbers.get(8) ?? 0,
    frameVersion: body.numbers.get(9) ?? 1,
  }
  // Another version may mean other lengths: who reads it says so before anything else.
  const flaw = hello.version === PEER_VERSION ? flawOf(hello) : undefined
  return flaw === undefined ? { ok: true, value: hello } : refused(`a hello with ${flaw}`)
}

function flawOf(said: {
  readonly cluster: Bytes
  readonly id: string
  readonly serial: number
  readonly instance: Bytes
}): string | undefined {
  if (said.cluster.length !== CLUSTER_BYTES) return `a cluster of ${said.cluster.length} bytes`
  if (said.instance.length !== INSTANCE_BYTES) return `an instance of ${said.instance.length} bytes`
  const idBytes = Buffer.byteLength(said.id)
  if (idBytes === 0 || idBytes > ID_MAX_BYTES) return `an id of ${idBytes} bytes`
  if (said.serial > SERIAL_MAX) return `the serial ${said.serial}`
  return undefined
}

function refused(why: string): { readonly ok: false; readonly why: string } {
  return { ok: false, why }
}

/**
 * One field as it was read: bytes for wire type 2, a value for wire type 0, neither for what is
 * skipped.
 */
interface Field {
  readonly number: number
  readonly bytes?: Buffer
  readonly value?: number
}

/** Yields `undefined` once, last, where the bytes are not protobuf. */
function* fields(bytes: Buffer): Generator<Field | undefined> {
  let at = 0
  while (at < bytes.length) {
    const tag = readVarint(bytes, at)
    if (tag === undefined) return yield undefined
    at = tag.next
    const number = Math.floor(tag.value / 8)
    const wireType = tag.value % 8
    if (wireType === 5 || wireType === 1) {
      at += wireType === 5 ? 4 : 8
      if (at > bytes.length) return yield undefined
      continue
    }
    if (wireType !== 0 && wireType !== 2) return yield undefined
    const value = readVarint(bytes, at)
    if (value === undefined) return yield undefined
    at = value.next
    if (wireType === 0) {
      yield { number, value: value.value }
      continue
    }
    if (value.value > bytes.length - at) return yield undefined
    yield { number, bytes: bytes.subarray(at, at + value.value) }
    at += value.value
  }
}

interface Collected {
  readonly bytes: ReadonlyMap<number, Buffer>
  readonly numbers: ReadonlyMap<number, number>
}

/** All fields of a small message; of a repeated one the last, as proto3 says. */
function collect(message: Buffer): Collected | undefined {
  const bytes = new Map<number, Buffer>()
  const numbers = new Map<number, number>()
  for (const part of fields(message)) {
    if (part === undefined) return undefined
    if (part.bytes !== undefined) bytes.set(part.number, part.bytes)
    if (part.value !== undefined) numbers.set(part.number, part.value)
  }
  return { bytes, numbers }
}

/**
 * Up to 10 bytes, as proto3 allows; what needs more than 53 bits is not ours and comes out above
 * every limit.
 */
function readVarint(
  bytes: Buffer,
  from: number,
): { readonly value: number; readonly next: number } | undefined {
  let value = 0
  let scale = 1
  for (let at = from; at < bytes.length && at < from + 10; at++) {
    const byte = bytes[at] ?? 0
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return { value, next: at + 1 }
    scale *= 128
  }
  return undefined
}

function varintLength(value: number): number {
  let length = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++
  return length
}

function writeVarint(out: Buffer, from: number, value: number): number {
  let at = from
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) out[at++] = (rest % 128) | 0x80
  out[at++] = rest
  return at
}

function field(number: number, bytes: Bytes): Buffer {
  const head = Buffer.alloc(1 + varintLength(bytes.length))
  head[0] = number * 8 + 2
  writeVarint(head, 1, bytes.length)
  return Buffer.concat([head, bytes])
}

function number(fieldNumber: number, value: number): Buffer {
  const out = Buffer.alloc(1 + varintLength(value))
  out[0] = fieldNumber * 8
  writeVarint(out, 1, value)
  return out
}

function message(parts: readonly Buffer[]): Buffer {
  return Buffer.concat(parts)
}
