/** So many requests at one of our nodes, as fast as it takes them. */

import { setTimeout as sleep } from 'node:timers/promises'
import { isSyneviError, Kv, type Node } from 'synevi'
import type { WriteOrder } from './conversation.ts'

/** After a failure: what failed is asked for again. */
const PAUSE_MS = 20

interface Progress {
  left: number
  errors: number
  firstError: string | undefined
}

/** Resolves when all are acknowledged. What failed was asked for again, and is counted. */
export async function runWrites(
  node: Node,
  order: WriteOrder,
): Promise<{ readonly errors: number; readonly firstError: string | undefined }> {
  const progress: Progress = { left: order.count, errors: 0, firstError: undefined }
  const clients = Array.from({ length: order.concurrency }, () => client(node, order, progress))
  await Promise.all(clients)
  return { errors: progress.errors, firstError: progress.firstError }
}

async function client(node: Node, order: WriteOrder, progress: Progress): Promise<void> {
  const value = new Uint8Array(order.bytes).fill(1)
  while (progress.left > 0) {
    const number = progress.left--
    const write = Kv.write({ key: `key-${number % order.keyCount}`, value })
    while (!(await isAcknowledged(node, write, progress))) await sleep(PAUSE_MS)
  }
}

async function isAcknowledged(
  node: Node,
  write: ReturnType<typeof Kv.write>,
  progress: Progress,
): Promise<boolean> {
  try {
    await node.submit(write)
    return true
  } catch (error) {
    progress.errors++
    progress.firstError ??= isSyneviError(error) ? `${error.code}: ${error.message}` : String(error)
    return false
  }
}
