/**
 * What a node asks before it is a member, and what a member answers: the bytes inside
 * `Network.ask`. Version 1; unknown bytes at the end are ignored, so that later versions may add.
 */

import {
  decodeMembers,
  encodeMembers,
  epoch,
  nodeSerial,
  type Bytes,
  type Configuration,
  type NodeSerial,
} from '@synevi/accord'
import { FieldReader, FieldWriter } from '../state/fields.ts'
import type { ClusterSettings } from '../state/node-facts.ts'
import { SyneviError } from '../synevi-error.ts'

const VERSION = 1
const MEMBERS_MAX_BYTES = 1 << 20

/** Who am I in your cluster? The id of the asker comes with the question, from the network. */
export interface JoinQuestion {
  /** Of a node that belongs to a cluster already: it asks whether it still does. */
  readonly known: { readonly cluster: Bytes; readonly serial: NodeSerial } | undefined
}

/** What a joiner begins with. */
export interface JoinAnswer {
  /** 16 bytes. */
  readonly cluster: Bytes
  /** Of the asker. */
  readonly serial: NodeSerial
  /** Agreed at bootstrap: outcomes depend on them. */
  readonly settings: ClusterSettings
  /** Of the epoch that is open at the member that answered, the asker in it. */
  readonly configuration: Configuration
}

/** A question as bytes. */
export function encodeJoinQuestion({ known }: JoinQuestion): Bytes {
  const writer = new FieldWriter().byte(VERSION).byte(known === undefined ? 0 : 1)
  return known === undefined
    ? writer.finish()
    : writer.raw(known.cluster).uint16(known.serial).finish()
}

/** Throws `INVALID_ARGUMENT`, or `INCOMPATIBLE_VERSION` for a later version. */
export function decodeJoinQuestion(bytes: Bytes): JoinQuestion {
  return reading('a question to join', bytes, (reader) => {
    if (reader.byte() === 0) return { known: undefined }
    return { known: { cluster: reader.raw(16).slice(), serial: nodeSerial(reader.uint16()) } }
  })
}

/** An answer as bytes. */
export function encodeJoinAnswer(answer: JoinAnswer): Bytes {
  const { cluster, serial, settings, configuration } = answer
  const members = encodeMembers(configuration.members)
  const { dedupMax, dedupResultMaxBytes, resultMaxBytes } = settings
  const writer = new FieldWriter(256).byte(VERSION).raw(cluster).uint16(serial)
  writer.uint32(dedupMax).uint32(dedupResultMaxBytes).uint32(resultMaxBytes)
  writer.uint16(configuration.epoch).uint16(configuration.highestSerial)
  return writer.uint32(members.byteLength).raw(members).finish()
}

/** Throws as {@link decodeJoinQuestion}. */
export function decodeJoinAnswer(bytes: Bytes): JoinAnswer {
  return reading('an answer to a joiner', bytes, (reader) => {
    const cluster = reader.raw(16).slice()
    const serial = nodeSerial(reader.uint16())
    const settings = {
      dedupMax: reader.uint32(),
      dedupResultMaxBytes: reader.uint32(),
      resultMaxBytes: reader.uint32(),
    }
    const [open, highestSerial] = [epoch(reader.uint16()), nodeSerial(reader.uint16())]
    const length = reader.uint32()
    if (length > MEMBERS_MAX_BYTES) throw new RangeError(`${length} bytes of members`)
    const members = decodeMembers(reader.raw(length))
    if (!members.ok) throw new RangeError(members.why)
    const configuration = { epoch: open, members: members.value, highestSerial }
    if (!members.value.some((member) => member.serial === serial))
      throw new RangeError('the asker is not among the members')
    return { cluster, serial, settings, configuration }
  })
}

function reading<T>(what: string, bytes: Bytes, parse: (reader: FieldReader) => T): T {
  const reader = new FieldReader(bytes)
  try {
    const version = reader.byte()
    if (version !== VERSION) {
      const why = `${what} of version ${version}: this node speaks ${VERSION}`
      throw new SyneviError('INCOMPATIBLE_VERSION', why, { definite: true })
    }
    return parse(reader)
  } catch (cause) {
    if (cause instanceof SyneviError) throw cause
    throw new SyneviError('INVALID_ARGUMENT', `${what} cannot be read: ${String(cause)}`, {
      definite: true,
      cause,
    })
  }
}
