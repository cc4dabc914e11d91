/** How much a node process holds, in memory and in its store. */

import { readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import type { Bytes, Node, Store } from 'synevi'
import type { Footprint, TableSize } from './conversation.ts'

/** Records read between two turns of the event loop: a node that stands still is suspected. */
const SLICE = 500

/** By the first byte of a key (docs/reference/storage-layout.md). */
const TABLES: Readonly<Record<number, string>> = {
  0x01: 'facts',
  0x02: 'facts',
  0x03: 'marks',
  0x10: 'live',
  0x11: 'settled',
  0x12: 'live',
  0x20: 'log',
  0x21: 'log',
  0x30: 'requests',
  0x31: 'requests',
  0x40: 'state',
}

/** `withTables` reads the whole store. */
export async function footprintOf(
  node: Node,
  store: Store,
  withTables: boolean,
): Promise<Footprint> {
  const tables = withTables ? await tablesOf(store) : []
  globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  const { applied, counters } = node.status()
  return {
    ...{ rssBytes: rss, ownBytes: ownBytes() ?? rss, heapBytes: heapUsed, externalBytes: external },
    fileBytes: store.sizeBytes?.() ?? 0,
    position: applied.position,
    decisions: {
      fast: Number(counters.fastPath),
      slow: Number(counters.slowPath),
      recovered: Number(counters.recovered),
      invalidated: Number(counters.invalidated),
    },
    tables,
  }
}

async function tablesOf(store: Store): Promise<readonly TableSize[]> {
  const sizes = new Map<string, { records: number; bytes: number }>()
  let from: Bytes | undefined = Uint8Array.of(0)
  while (from !== undefined) {
    let last: Bytes | undefined
    let count = 0
    for (const [key, value] of store.scan({ from, limit: SLICE })) {
      const name = TABLES[key[0] ?? 0] ?? 'other'
      const size = sizes.get(name) ?? { records: 0, bytes: 0 }
      size.records++
      size.bytes += key.length + value.length
      sizes.set(name, size)
      last = key
      count++
    }
    from = last === undefined || count < SLICE ? undefined : behind(last)
    await turn()
  }
  return [...sizes].map(([name, size]) => ({ name, ...size }))
}

/** Linux tells it in kibibytes. */
function ownBytes(): number | undefined {
  try {
    const [, kibibytes] =
      /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
  } catch {
    return undefined
  }
}

/** The least key above. */
function behind(key: Bytes): Bytes {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}
