/** How a node that closes carries on what it took in, for a while. */

import { millis } from '@synevi/accord'
import type { Clock } from '../contract/clock.ts'
import type { Logger } from '../contract/observe.ts'

/** Resolves when all are idle, or after `drainMs`, which is logged. */
export async function drained(
  idle: readonly Promise<void>[],
  parts: { readonly clock: Clock; readonly logger: Logger; readonly drainMs: number },
): Promise<void> {
  const { clock, logger, drainMs } = parts
  let alarm: Disposable | undefined
  const late = new Promise<string>((resolve) => {
    alarm = clock.alarm(millis(clock.now().elapsed + drainMs), () => resolve('late'))
  })
  const all = Promise.all(idle).then(() => 'idle')
  if ((await Promise.race([all, late])) === 'late')
    logger.warn({ drainMs }, 'closed before all was answered')
  alarm?.[Symbol.dispose]()
}
