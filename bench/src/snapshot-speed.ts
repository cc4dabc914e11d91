/**
 * How fast a node takes a snapshot: three nodes over gRPC and LMDB in one process on loopback, the
 * third of which was away. Sender and receiver share one thread, so each is faster alone. The last
 * transactions travel with the state, values included. Run it built: `node
 * bench/dist/snapshot-speed.js [MiB of state] [KiB of a value]`.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { GrpcNetwork } from '@synevi/network-grpc'
import { LmdbStore } from '@synevi/store-lmdb'
import { Kv, KvExecutor, Node, type Logger } from 'synevi'
import { freeAddresses } from './free-addresses.ts'

const MIB = 1_048_576
const KIB = 1_024
/** As many transactions travel with the state by default. */
const TAIL = 256
/** Far fewer entries than it lacks. */
const LEAD_MIN = 5

const stateMib = Number(process.argv[2] ?? '200')
const valueBytes = Number(process.argv[3] ?? '512') * KIB
const folder = mkdtempSync(join(tmpdir(), 'synevi-snapshot-'))
/** When something was logged last, by what it says. */
const said = new Map<string, number>()
const logger: Logger = {
  debug: () => {},
  info: (_, message = '') => void said.set(message, performance.now()),
  warn: (fields, message) => console.log(message, fields),
  error: (fields, message) => console.log(message, fields),
}
try {
  await measure()
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function open(i: number, addresses: readonly string[]): Promise<Node> {
  const members = addresses.map((address, serial) => ({ id: `n${serial}`, serial, address }))
  const store = await LmdbStore.open({ path: join(folder, `n${i}`) })
  return Node.open(
    {
      ...{ self: { id: `n${i}` }, members, store, executors: [KvExecutor], logger },
      network: new GrpcNetwork({ listen: addresses[i] ?? '' }),
      limits: { snapshotLeadMin: LEAD_MIN },
      // All share one thread.
      timeouts: { peerSilentMs: 30_000, recoverAfterMs: 10_000 },
    },
    { timeoutMs: 600_000 },
  )
}

async function measure(): Promise<void> {
  const addresses = await freeAddresses(3)
  const all = await Promise.all(addresses.map((_, i) => open(i, addresses)))
  const [first, second, third] = all
  if (first === undefined || second === undefined || third === undefined) return
  await first.submit(Kv.write({ key: 'first', value: Uint8Array.of(1) }))
  // Until all have agreed that snapshots are taken.
  await sleep(3_000)
  await third.close()
  const count = Math.ceil((stateMib * MIB) / valueBytes)
  for (let i = 0; i < count; i += 8) {
    const some = Array.from({ length: 8 }, (_, j) => {
      const value = new Uint8Array(valueBytes).fill((i + j) % 251)
      return first.submit(Kv.write({ key: `key ${i + j}`, value }), { timeoutMs: 60_000 })
    })
    await Promise.all(some)
  }
  const filledMib = (process.resourceUsage().maxRSS / 1_024).toFixed(0)
  console.log(`filled: ${first.status().applied.position} entries`)
  const late = await open(2, addresses)
  const ready = performance.now()
  const began = said.get('a snapshot is offered') ?? Number.NaN
  const installed = said.get('a snapshot is installed') ?? Number.NaN
  const seconds = (installed - began) / 1_000
  const peakMib = (process.resourceUsage().maxRSS / 1_024).toFixed(0)
  const movedMib = stateMib + (Math.min(TAIL, count) * valueBytes) / MIB
  console.log(
    `snapshot: ${movedMib.toFixed(0)} MiB in ${seconds.toFixed(1)} s: ` +
      `${(movedMib / seconds).toFixed(0)} MiB/s; ` +
      `ready ${(ready - installed).toFixed(0)} ms later; ` +
      `states equal: ${late.stateDigest() === first.stateDigest()}; ` +
      `peak of resident memory ${filledMib} MiB before, ${peakMib} MiB after`,
  )
  await Promise.all([first, second, late].map((node) => node.close({ drainMs: 0 })))
}
