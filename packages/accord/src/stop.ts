/** The end of a replica that must not go on. */

import type { Context } from './context.ts'

/** Ends the replica: the notice tells the driver why. */
export function stop(
  context: Context,
  why: { code: 'AMNESIA' | 'NODE_FAILED' | 'DIVERGED'; why: string },
): void {
  if (context.stopped) return
  context.stopped = true
  context.out.notice({ kind: 'fatal', ...why })
}
