/** Parts of snapshots that were altered in the memory of who sends them: their frames are sound. */

import { decodeFrame, encodeFrame, type Bytes, type Message } from '@synevi/accord'
import type { Prng } from '../prng.ts'

/** The frame with one bit of a part of a snapshot altered; as it was where it carries none. */
export function rotten(bytes: Bytes, random: Prng): Bytes {
  const decoded = decodeFrame(bytes, { messagesMax: 100_000, payloadMaxBytes: 1 << 26 })
  if (!decoded.ok) return bytes
  const frame = decoded.value
  let isSound = true
  const messages = frame.messages.map((message): Message => {
    if (message.kind !== 'snapshotPart' || message.bytes.length === 0) return message
    const copy = Uint8Array.from(message.bytes)
    const at = random.below(copy.length)
    copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8))
    isSound = false
    return { ...message, bytes: copy }
  })
  return isSound ? bytes : encodeFrame({ ...frame, messages }, bytes[2])
}
