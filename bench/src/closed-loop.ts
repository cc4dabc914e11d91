/** The load on one of our nodes: clients in its own process, each with one request under way. */

import { setTimeout as sleep } from 'node:timers/promises'
import { isSyneviError, Kv, type Node } from 'synevi'
import type { LoadOrder, Tally } from './conversation.ts'
import { KEY_COUNT, type Operation } from './contender.ts'
import { WindowProfile } from './window-profile.ts'

/** After a failure, so that failing fast is not mistaken for work. */
const PAUSE_MS = 10

interface Noted {
  readonly latencies: number[]
  /** Of the last request that ended in the window, or where that began. */
  lastAt: number
  pauseMs: number
  errors: number
  firstError: string | undefined
}

/** Runs until the window has ended and every client has its last answer. */
export async function runLoad(node: Node, order: LoadOrder): Promise<Tally> {
  const noted = nothingNoted(order)
  const clients = order.clients.map((client) => runClient({ node, order, client }, noted))
  const putting: LoadOrder = { ...order, operation: 'put' }
  const unnoted = nothingNoted(order)
  for (let client = 0; client < (order.writers ?? 0); client++)
    clients.push(runClient({ node, order: putting, client }, unnoted))
  const { cpuMicros, before, after } = await watchWindow(node, order)
  await Promise.all(clients)
  const tail = order.windowUntil - noted.lastAt
  return {
    latencies: Float64Array.from(noted.latencies),
    pauseMs: order.clients.length === 0 ? 0 : Math.max(noted.pauseMs, tail),
    errors: noted.errors,
    firstError: noted.firstError,
    cpuMicros,
    fast: Number(after.fastPath - before.fastPath),
    slow: Number(after.slowPath - before.slowPath),
    recovered: Number(after.recovered - before.recovered),
    invalidated: Number(after.invalidated - before.invalidated),
  }
}

function nothingNoted({ windowFrom }: LoadOrder): Noted {
  return { latencies: [], errors: 0, firstError: undefined, lastAt: windowFrom, pauseMs: 0 }
}

interface Client {
  readonly node: Node
  readonly order: LoadOrder
  /** Its number, among all processes. */
  readonly client: number
}

async function runClient({ node, order, client }: Client, noted: Noted): Promise<void> {
  const { concurrency, windowFrom, windowUntil, bytes } = order
  const value = new Uint8Array(bytes).fill(client)
  for (let turn = 0; ; turn++) {
    const begin = now()
    if (begin >= windowUntil) return
    const key = `key-${(client + turn * concurrency) % KEY_COUNT}`
    try {
      await ask(node, order.operation ?? 'put', { key, value })
    } catch (error) {
      noted.errors++
      noted.firstError ??= isSyneviError(error) ? `${error.code}: ${error.message}` : String(error)
      await sleep(PAUSE_MS)
      continue
    }
    const end = now()
    if (end < windowFrom || end >= windowUntil) continue
    noted.latencies.push(end - begin)
    noted.pauseMs = Math.max(noted.pauseMs, end - noted.lastAt)
    noted.lastAt = end
  }
}

async function ask(
  node: Node,
  operation: Operation,
  { key, value }: { readonly key: string; readonly value: Uint8Array },
): Promise<void> {
  switch (operation) {
    case 'put':
      await node.submit(Kv.write({ key, value }))
      return
    case 'linearizable':
      await node.read(Kv.get(key))
      return
    case 'logged':
      await node.submit(Kv.read(key))
      return
    case 'local':
      await node.read(Kv.get(key), { consistency: 'local' })
  }
}

async function watchWindow(node: Node, { windowFrom, windowUntil, profile }: LoadOrder) {
  await sleep(windowFrom - now())
  const profiling = profile === undefined ? undefined : await WindowProfile.start()
  const cpuBefore = process.cpuUsage()
  const before = node.status().counters
  await sleep(windowUntil - now())
  const cpu = process.cpuUsage(cpuBefore)
  const after = node.status().counters
  if (profile !== undefined) await profiling?.write(profile)
  return { cpuMicros: cpu.user + cpu.system, before, after }
}

/** Milliseconds since 1970, finer than `Date.now`. */
function now(): number {
  return performance.timeOrigin + performance.now()
}
