/** What callers are told when a node stops: closed, broken, or no longer trusted. */

import type { Notice } from '@synevi/accord'
import type { NodeEvents } from '../observe/events.ts'
import { SyneviError, isSyneviError } from '../synevi-error.ts'
import { WriteFailure } from './driver.ts'

/** The node closed; definite for what was never part of a transaction. */
export function closedError(isDefinite: boolean): SyneviError {
  const why = isDefinite
    ? 'this node is closing'
    : 'this node closed first, and the outcome is unknown'
  return new SyneviError('CLOSED', `cannot serve: ${why}`, {
    definite: isDefinite,
    retryable: true,
  })
}

/** Something broke: never definite, for what was under way may go on elsewhere. */
export function brokenError(error: unknown): SyneviError {
  const cause = error instanceof WriteFailure ? error.cause : error
  const isStore = error instanceof WriteFailure || isSyneviError(error, 'STORE_FAILED')
  const why = cause instanceof Error ? cause.message : String(cause)
  return new SyneviError(
    isStore ? 'STORE_FAILED' : 'NODE_FAILED',
    `this node had to stop: ${why}`,
    { definite: false, retryable: true, cause },
  )
}

/** The core stopped the node. */
export function fatalError(code: 'AMNESIA' | 'NODE_FAILED' | 'DIVERGED', why: string): SyneviError {
  return new SyneviError(code, `this node had to stop: ${why}`, { definite: false })
}

/** Results here differ from the majority's. */
export function divergedError(position: bigint): SyneviError {
  const why = `results here differ from the majority's at position ${position}`
  return new SyneviError('DIVERGED', why, { definite: false, retryable: true })
}

/** The same for listeners, hashes as hexadecimal. */
export function divergedEvent(notice: Notice & { kind: 'diverged' }): NodeEvents['diverged'] {
  const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex')
  const { position, mine, majority } = notice
  return { position, mine: hex(mine), majority: hex(majority) }
}
