/** What a node of 0.1.0 understands: written down here, so that no change of today moves it. */

import {
  FRAME_VERSION_MIN,
  encodeFrame,
  type Bytes,
  type Frame,
  type Message,
} from '@synevi/accord'

/** Its messages. */
const KNOWN: ReadonlySet<Message['kind']> = new Set<Message['kind']>([
  ...(['preAccept', 'preAcceptOk', 'refused', 'accept', 'acceptOk', 'acceptInvalid'] as const),
  ...(['acceptInvalidOk', 'recover', 'recoverOk', 'nack', 'decided', 'invalidated'] as const),
  ...(['truncated', 'wrongEpoch', 'stable', 'query', 'queryOk', 'catchUp', 'logChunk'] as const),
  ...(['heartbeat', 'amnesia', 'hashAt', 'hashAtOk'] as const),
])

/** Whether it knows such a message, and all that this one says. */
export function isKnownToFirst(message: Message): boolean {
  if (!KNOWN.has(message.kind)) return false
  if (message.kind !== 'heartbeat') return true
  const { offers, requires, active } = message.features
  return offers + requires + active === 0
}

/** Whether it knows everything in a frame, to the last byte. */
export function isFrameOfFirst(frame: Frame, bytes: Bytes): boolean {
  if (!frame.messages.every(isKnownToFirst)) return false
  return Buffer.compare(encodeFrame(frame, FRAME_VERSION_MIN), bytes) === 0
}
