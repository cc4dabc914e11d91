/** Writes of the store as the tracing channel `synevi:store.write` tells them. */

import type { Mutation } from '@synevi/accord'
import { Channel } from '../observe/channels.ts'

type Write = (batch: readonly Mutation[]) => Promise<void>

/** The same write, traced when someone listens. `node`: its id. */
export function tracedWrite(write: Write, node: string): Write {
  const channel = new Channel('synevi:store.write')
  return (batch) =>
    channel.trace(
      () => ({ node, mutationCount: batch.length }),
      () => write(batch),
    )
}
