/**
 * Whether a TCP connection can be made. grpc-js never gives up an attempt of its own before the
 * operating system does, which takes two minutes where packets vanish; a peer that was in such a
 * hole is probed first.
 */

import { connect } from 'node:net'
import { parseAddress } from './address.ts'

/** A probe under way. */
export interface Probe {
  /** No answer after this. */
  close(): void
}

/** Answers once, never synchronously. */
export function probe(options: {
  readonly address: string
  readonly timeoutMs: number
  readonly onAnswer: (reachable: boolean) => void
}): Probe {
  const { host, port } = parseAddress(options.address) ?? { host: 'invalid', port: 0 }
  const socket = connect({ host, port })
  let answered = false
  const answer = (reachable: boolean): void => {
    if (answered) return
    answered = true
    clearTimeout(timer)
    socket.destroy()
    options.onAnswer(reachable)
  }
  const timer = setTimeout(() => answer(false), options.timeoutMs)
  socket.once('connect', () => answer(true))
  // Refused is an answer, too: whoever dials next hears it at once.
  socket.once('error', () => answer(true))
  return {
    close: () => {
      answered = true
      clearTimeout(timer)
      socket.destroy()
    },
  }
}
