/** What may happen to a snapshot on its way (`protocol.md` 8.4): lies, losses, crashes. */

import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import {
  decodeFrame,
  encodeFrame,
  millis,
  type Bytes,
  type Message,
  type Mutation,
} from '@synevi/accord'
import type { Clock } from '../contract/clock.ts'
import type { Range, Store, StoreView } from '../contract/store.ts'
import { bigintCodec, stringCodec } from '../define/plain-codecs.ts'
import { defineExecutor } from '../define/define-executor.ts'
import { ok } from '../define/result.ts'
import { defineTransaction, on, type TransactionType } from '../define/transaction.ts'
import { Kv, KvExecutor } from '../executor/kv.ts'
import { Node } from '../node.ts'
import { FACT } from '../state/key-layout.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { Add, Count, counter, openCluster, type Cluster } from '../test/local-cluster.ts'

/** Behind version, cluster, time, position, executeAt and the hash of the transactions. */
const EXEC_HASH_AT = 1 + 16 + 8 + 8 + 16 + 33 + 1

/** A cluster in which n2 was away and lacks more than the others give it from their logs. */
async function behind(store?: Store): Promise<Cluster> {
  const cluster = await openCluster(3, (i) => ({
    limits: { snapshotLeadMin: 5, snapshotTail: 4 },
    ...(i === 2 && store !== undefined ? { store } : {}),
    executors: [counter],
  }))
  const { clock, node } = cluster
  await clock.until(node(0).submit(Add('a')))
  await clock.advance(1_000)
  await clock.until(node(2).close({ drainMs: 0 }))
  for (let i = 0; i < 40; i++) await clock.until(node(i % 2).submit(Add(`key ${i % 7}`)))
  return cluster
}

/** Changes the snapshot parts in frames; what it answers is sent in their place. */
function tampering(
  cluster: Cluster,
  change: (part: Message & { kind: 'snapshotPart' }) => readonly Message[],
): void {
  cluster.hub.mangle = (frame) => {
    const decoded = decodeFrame(frame, { messagesMax: 65_536, payloadMaxBytes: 1 << 26 })
    if (!decoded.ok || !decoded.value.messages.some(({ kind }) => kind === 'snapshotPart'))
      return frame.slice()
    const messages = decoded.value.messages.flatMap((message) =>
      message.kind === 'snapshotPart' ? change(message) : [message],
    )
    return encodeFrame({ ...decoded.value, messages })
  }
}

/** The numbers of the parts that were sent, from now on. */
function partsSeen(cluster: Cluster): ReadonlySet<number> {
  const parts = new Set<number>()
  tampering(cluster, (message) => {
    parts.add(message.part)
    return [message]
  })
  return parts
}

/** The last of three stops, and so many large values are written without it. */
async function goOnWithoutLast({ clock, node }: Cluster, values: number): Promise<void> {
  await clock.advance(1_000)
  await clock.until(node(2).close({ drainMs: 0 }))
  for (let i = 0; i < values; i++) {
    const value = new Uint8Array(200_000).fill(i)
    await clock.until(node(i % 2).submit(Kv.write({ key: `key ${i}`, value })))
  }
}

function flipped(bytes: Bytes, at: number): Bytes {
  const copy = Uint8Array.from(bytes)
  copy[at % Math.max(1, copy.length)] = (copy[at % Math.max(1, copy.length)] ?? 0) ^ 1
  return copy
}

/** The hash of the results stands there twice: of all that is applied, and of the last entry. */
function withOtherResults(manifest: Bytes): Bytes {
  const hash = Buffer.from(manifest.subarray(EXEC_HASH_AT, EXEC_HASH_AT + 32))
  const again = Buffer.from(manifest).indexOf(hash, EXEC_HASH_AT + 32)
  expect(again).toBeGreaterThan(0)
  return flipped(manifest, again)
}

describe('a snapshot with lies in it', () => {
  test('is never installed, whichever byte of whichever part was changed', async () => {
    for (const [part, at] of [
      ...[0, 16, 40, 90, 130].map((place) => [0, place] as const),
      ...[0, 3, 9, 60, 333, 1_001, 2_222].map((place) => [1, place] as const),
    ]) {
      const cluster = await behind()
      const { clock, options, node } = cluster
      let lies = 0
      tampering(cluster, (message) => {
        if (message.part !== part) return [message]
        lies++
        return [{ ...message, bytes: flipped(message.bytes, at) }]
      })
      const notices: string[] = []
      const opening = Node.open({
        ...options(2),
        onNotice: ({ kind }) => void notices.push(kind),
      })
      await clock.advance(3_000)
      expect(lies).toBeGreaterThan(0)
      expect(notices).not.toContain('restartedInPlace')
      // Told the truth again, it takes it.
      cluster.hub.mangle = undefined
      const late = await clock.until(opening)
      await clock.until(late.barrier())
      expect(late.stateDigest()).toBe(node(0).stateDigest())
      await clock.until(late.close({ drainMs: 10 }))
      await cluster.close()
    }
  })

  test('whose digests were made to fit is refused by the seal of the value', async () => {
    const cluster = await behind()
    const { clock, options } = cluster
    const before = new Map<number, Bytes>()
    tampering(cluster, (message) => {
      if (message.part === 0) {
        before.set(0, message.digest)
        return [message]
      }
      const bytes = flipped(message.bytes, 100)
      const last = before.get(message.part - 1) ?? message.digest
      const digest = createHash('sha256').update(last).update(bytes).digest()
      before.set(message.part, digest)
      return [{ ...message, bytes, digest }]
    })
    const notices: string[] = []
    const opening = Node.open({ ...options(2), onNotice: ({ kind }) => void notices.push(kind) })
    await clock.advance(2_000)
    expect(notices).not.toContain('restartedInPlace')
    cluster.hub.mangle = undefined
    await clock.until((await clock.until(opening)).close({ drainMs: 10 }))
    await cluster.close()
  })

  test('of the results of a node that differs is refused by another member', async () => {
    const cluster = await behind()
    const { clock, options } = cluster
    // The manifest claims another hash of the results at its last entry, and all digests fit.
    const before = new Map<number, Bytes>()
    tampering(cluster, (message) => {
      const bytes = message.part === 0 ? withOtherResults(message.bytes) : message.bytes.slice()
      const hash = createHash('sha256')
      if (message.part > 0) hash.update(before.get(message.part - 1) ?? message.digest)
      const digest = hash.update(bytes).digest()
      before.set(message.part, digest)
      return [{ ...message, bytes, digest }]
    })
    const notices: string[] = []
    const opening = Node.open({ ...options(2), onNotice: ({ kind }) => void notices.push(kind) })
    await clock.advance(1_500)
    expect(before.size).toBeGreaterThan(1)
    expect(notices).not.toContain('restartedInPlace')
    cluster.hub.mangle = undefined
    await clock.until((await clock.until(opening)).close({ drainMs: 10 }))
    await cluster.close()
  })
})

/** The facts of slots and staging. */
function isOfSnapshot({ key }: Mutation): boolean {
  return key[0] === 0x01 && (key[1] === 0x30 || key[1] === 0x31)
}

/**
 * From the first write of a snapshot on, lets so many writes through, then dies: the next one is
 * applied or lost, and never resolves.
 */
class MortalStore implements Store {
  readonly inner: MemoryStore
  /** Undefined: it lives. */
  writesLeft: number | undefined
  isLastApplied = false
  #dead = false
  #isArmed = false

  constructor(inner: MemoryStore) {
    this.inner = inner
  }

  get isDead(): boolean {
    return this.#dead
  }

  get(key: Bytes): Bytes | undefined {
    return this.inner.get(key)
  }

  scan(range: Range): Iterable<readonly [Bytes, Bytes]> {
    return this.inner.scan(range)
  }

  view(): StoreView {
    return this.inner.view()
  }

  async write(batch: readonly Mutation[]): Promise<void> {
    if (this.#dead) return new Promise(() => {})
    this.#isArmed ||= batch.some(isOfSnapshot)
    if (this.#isArmed && this.writesLeft === 0) {
      this.#dead = true
      if (this.isLastApplied) await this.inner.write(batch)
      return new Promise(() => {})
    }
    if (this.#isArmed && this.writesLeft !== undefined) this.writesLeft--
    await this.inner.write(batch)
  }

  async close(): Promise<void> {}
}

describe('a receiver that dies', () => {
  test('at any write goes on when it is back, whether that write is there or not', async () => {
    let survived = 0
    for (let round = 0; round < 24; round++) {
      const writes = round >> 1
      const inner = new MemoryStore()
      const cluster = await behind(inner)
      const { clock, options, node } = cluster
      const mortal = new MortalStore(inner)
      mortal.writesLeft = writes
      mortal.isLastApplied = round % 2 === 0
      const dying = { ...options(2), store: mortal }
      Node.open(dying).catch(() => undefined)
      await clock.advance(3_000)
      if (!mortal.isDead) survived++
      // The process is gone: nobody hears of it any more.
      await dying.network.close()
      const late = await clock.until(Node.open({ ...options(2), store: inner }))
      await clock.until(late.barrier())
      expect(await clock.until(late.read(Count('key 3')))).toBe(6n)
      expect(late.stateDigest()).toBe(node(0).stateDigest())
      expect(await clock.until(late.verify())).toMatchObject({ ok: true })
      await clock.until(late.close({ drainMs: 10 }))
      await cluster.close()
    }
    expect(survived).toBeLessThan(12)
  })
})

/** Counts the writes that stage, each of which takes half a second of the clock. */
class SlowStore extends MemoryStore {
  stagingWrites = 0
  readonly #clock: Clock

  constructor(clock: Clock) {
    super()
    this.#clock = clock
  }

  override async write(batch: readonly Mutation[]): Promise<void> {
    if (batch.some(({ key, value }) => isStaging(key) && value !== undefined)) {
      this.stagingWrites++
      const at = millis(this.#clock.now().elapsed + 500)
      await new Promise<void>((resolve) => void this.#clock.alarm(at, resolve))
    }
    await super.write(batch)
  }
}

function isStaging(key: Bytes): boolean {
  return key[0] === 0x01 && key[1] === FACT.staging
}

describe('a receiver with a slow disk', () => {
  test('takes in what comes while it writes: a write holds many parts', async () => {
    const limits = { snapshotLeadMin: 5, snapshotTail: 4 }
    let slow: SlowStore | undefined
    const cluster = await openCluster(3, (i, clock) => {
      const parts = { limits, executors: [KvExecutor] }
      if (i !== 2) return parts
      slow ??= new SlowStore(clock)
      return { ...parts, store: slow }
    })
    const { clock, node, options } = cluster
    await clock.until(node(0).submit(Kv.write({ key: 'first', value: new Uint8Array(1) })))
    await goOnWithoutLast(cluster, 40)
    const parts = partsSeen(cluster)
    const late = await clock.until(Node.open(options(2), { timeoutMs: 50_000 }))
    await clock.until(late.barrier())
    expect(parts.size).toBeGreaterThan(32)
    expect(slow?.stagingWrites).toBeLessThan(parts.size / 6)
    expect(late.stateDigest()).toBe(node(0).stateDigest())
    await clock.until(late.close({ drainMs: 10 }))
    await cluster.close()
  })
})

describe('a sender of which nothing comes', () => {
  test('is asked for the part that lacks ever more rarely', async () => {
    const cluster = await behind()
    const { clock, options } = cluster
    const asked: number[] = []
    cluster.hub.mangle = (frame) => {
      const decoded = decodeFrame(frame, { messagesMax: 65_536, payloadMaxBytes: 1 << 26 })
      if (!decoded.ok) return frame.slice()
      const messages = decoded.value.messages.filter((message) => {
        if (message.kind === 'snapshotFetch' && message.part === 1) asked.push(clock.now().elapsed)
        return message.kind !== 'snapshotPart' || message.part === 0
      })
      return encodeFrame({ ...decoded.value, messages })
    }
    const opening = Node.open(options(2))
    while (asked.length === 0) await clock.advance(10)
    await clock.advance(4_500)
    expect(asked.length).toBeGreaterThan(3)
    expect(asked.length).toBeLessThan(7)
    cluster.hub.mangle = undefined
    await clock.until((await clock.until(opening)).close({ drainMs: 10 }))
    await cluster.close()
  })
})

describe('a sender that dies half-way', () => {
  test('gives another cut when it is back; a second member takes its place', async () => {
    const cluster = await behind()
    const { clock, options, node } = cluster
    let parts = 0
    tampering(cluster, (message) => {
      parts++
      // Only the manifest gets through, until it was asked for again.
      return message.part === 0 || parts > 6 ? [message] : []
    })
    const late = await clock.until(Node.open(options(2)))
    await clock.until(late.barrier())
    expect(parts).toBeGreaterThan(6)
    expect(late.stateDigest()).toBe(node(0).stateDigest())
    await clock.until(late.close({ drainMs: 10 }))
    await cluster.close()
  })
})

/** Its state is the last in a snapshot, and no write can be repeated unseen. */
const AddLast: TransactionType<string, bigint, never> = defineTransaction('zz/add', {
  input: stringCodec,
  ok: bigintCodec,
})
const lastCounter = defineExecutor('zz', {
  transactions: [
    on(AddLast, (name, context) => {
      const counts = context.table('counts', bigintCodec)
      const before = counts.get(name) ?? 0n
      counts.put(name, before + 1n)
      return ok(before)
    }),
  ],
})

describe('a sender that works on', () => {
  test('gives a state of one position, whatever is written meanwhile', async () => {
    const limits = { snapshotLeadMin: 5, snapshotTail: 4 }
    const executors = [KvExecutor, lastCounter]
    const cluster = await openCluster(3, () => ({ limits, executors }))
    const { clock, node, options } = cluster
    await clock.until(node(0).submit(AddLast('a')))
    await goOnWithoutLast(cluster, 24)
    const parts = partsSeen(cluster)
    const notices: string[] = []
    const opening = Node.open({ ...options(2), onNotice: ({ kind }) => void notices.push(kind) })
    while (!notices.includes('restartedInPlace')) await clock.until(node(0).submit(AddLast('a')))
    const late = await clock.until(opening)
    await clock.until(late.barrier())
    expect(parts.size).toBeGreaterThan(16)
    expect(late.stateDigest()).toBe(node(0).stateDigest())
    expect(await clock.until(late.verify())).toMatchObject({ ok: true })
    await clock.until(late.close({ drainMs: 10 }))
    await cluster.close()
  })
})
