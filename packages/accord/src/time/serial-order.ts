/** The order of members: by serial. */

import type { NodeSerial } from './timestamp.ts'

/** Negative, 0 or positive: for `sort`. */
export function compareSerials(a: NodeSerial, b: NodeSerial): number {
  return a - b
}
