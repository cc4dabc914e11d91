/**
 * Backups of nodes at work, and what is restored from them: the same history, state, and request
 * memory, in a cluster that the old one does not know.
 */

import { createHash } from 'node:crypto'
import {
  appendFileSync,
  mkdtempSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { LocalHub, LocalNetwork } from '../network/local-network.ts'
import { Node } from '../node.ts'
import type { Mutation } from '@synevi/accord'
import { SLOT_TABLES, formatSlots, keyInSlot, tableRange } from '../state/slots.ts'
import { SummedStore } from '../state/summed-store.ts'
import { MemoryStore } from '../store/memory-store.ts'
import { Add, Count, counter } from '../test/local-cluster.ts'
import type { BackupPlace } from '../contract/backup-place.ts'
import { checkBackup } from './check-backup.ts'
import { formatManifest, parseManifest, type BackupManifest } from './manifest.ts'
import { restoreBackup } from './restore-backup.ts'

const root = mkdtempSync(join(tmpdir(), 'synevi-backup-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let count = 0
const fresh = (): string => join(root, `b${count++}`)

const failed = (code: string, words = ''): unknown =>
  expect.objectContaining({
    code,
    definite: true,
    message: expect.stringContaining(words) as unknown,
  })

async function openAlone(id = 'a', store = new MemoryStore()): Promise<Node> {
  return Node.open({
    self: { id },
    store,
    network: new LocalNetwork(new LocalHub()),
    executors: [counter],
  })
}

const requestId = (i: number): string => `00000000-0000-4000-8000-${`${i}`.padStart(12, '0')}`

async function addMany(node: Node, count: number, from = 0): Promise<void> {
  const names = Array.from({ length: count }, (_, i) => i + from)
  await Promise.all(names.map((i) => node.submit(Add(`n${i % 7}`), { id: requestId(i) })))
}

/** A backup of a node that took 60 requests. */
async function backedUp(): Promise<{ to: string; manifest: BackupManifest; digest: string }> {
  const node = await openAlone()
  for (let i = 0; i < 60; i += 5) await addMany(node, 5, i)
  const to = fresh()
  const manifest = await node.backup(to)
  const digest = node.stateDigest()
  await node.close()
  return { to, manifest, digest }
}

describe('a backup', () => {
  it('restores to the same position, chain, digest and answers, in another cluster', async () => {
    const { to, manifest, digest } = await backedUp()
    expect(manifest).toMatchObject({ format: 1, position: 60n, stateDigest: digest })
    const store = new MemoryStore()
    const restored = await restoreBackup({ from: to, store, self: { id: 'b' } })
    expect(restored.cluster).not.toBe(manifest.cluster)
    const node = await openAlone('b', store)
    expect(node.status().applied).toMatchObject({ position: 60n, hash: manifest.hash })
    expect(node.stateDigest()).toBe(digest)
    process.stdout.write(
      `backup → restore: position ${manifest.position}, ${manifest.bytes} bytes, state digest ` +
        `${digest.slice(0, 16)}… before, ${node.stateDigest().slice(0, 16)}… after\n`,
    )
    expect(await node.verify()).toMatchObject({ ok: true, to: 60n })
    // A retry of what was acknowledged before the backup has no second effect (G7).
    expect(await node.submit(Add('n3'), { id: requestId(3) })).toMatchObject({
      duplicate: true,
      ok: true,
      value: 0n,
    })
    expect(await node.read(Count('n3'))).toBe(9n)
    const next = await node.submit(Add('n3'))
    expect(next).toMatchObject({ position: 61n, value: 9n })
    const entries = []
    for await (const entry of node.applied({ signal: AbortSignal.timeout(500) })) {
      entries.push(entry)
      if (entries.length === 61) break
    }
    expect(entries[60]?.executeAt ?? 0n).toBeGreaterThan(entries[59]?.executeAt ?? 0n)
    expect(await node.verify()).toMatchObject({ ok: true, to: 61n })
    await node.close()
  })

  it('is of one position while the node goes on', async () => {
    const node = await openAlone()
    await addMany(node, 200)
    const to = fresh()
    const backup = node.backup(to)
    await addMany(node, 300, 1_000)
    const manifest = await backup
    // Whenever it was taken: what was acknowledged before is in it, and all of it is of one moment.
    const { position } = manifest
    expect(position).toBeGreaterThanOrEqual(200n)
    const next = requestId(1_000 + Number(position) - 200)
    const store = new MemoryStore()
    await restoreBackup({ from: to, store, self: { id: 'b' } })
    await node.close()
    const restored = await openAlone('b', store)
    expect(restored.stateDigest()).toBe(manifest.stateDigest)
    expect(await restored.submit(Add('x'), { id: next })).toMatchObject({
      duplicate: false,
      position: position + 1n,
    })
    await restored.close()
  })

  it('restores to several members at once, which are one cluster', async () => {
    const { to, digest } = await backedUp()
    const members = ['x', 'y', 'z'].map((id, serial) => ({ id, serial, address: '' }))
    const hub = new LocalHub()
    const clusters = new Set<string>()
    const nodes = await Promise.all(
      members.map(async ({ id }) => {
        const store = new MemoryStore()
        clusters.add((await restoreBackup({ from: to, store, self: { id }, members })).cluster)
        return Node.open({
          self: { id },
          store,
          network: new LocalNetwork(hub),
          executors: [counter],
        })
      }),
    )
    expect(clusters.size).toBe(1)
    for (const node of nodes) expect(node.stateDigest()).toBe(digest)
    await Promise.all(nodes.map(async (node, i) => addMany(node, 20, 2_000 + 100 * i)))
    await Promise.all(nodes.map(async (node) => node.barrier()))
    const after = new Set(nodes.map((node) => node.stateDigest()))
    expect(after.size).toBe(1)
    for (const node of nodes) expect(await node.verify()).toMatchObject({ ok: true })
    await Promise.all(nodes.map(async (node) => node.close()))
  })

  it('is the same from either slot of the store', async () => {
    const store = new MemoryStore()
    const node = await openAlone('a', store)
    for (let i = 0; i < 30; i += 5) await addMany(node, 5, i)
    const digest = node.stateDigest()
    await node.close()
    await movedToSlotB(store)
    const moved = await openAlone('a', store)
    expect(moved.stateDigest()).toBe(digest)
    const to = fresh()
    await moved.backup(to)
    expect(await moved.verify()).toMatchObject({ ok: true, to: 30n })
    await moved.close()
    const target = new MemoryStore()
    const { manifest } = await restoreBackup({ from: to, store: target, self: { id: 'b' } })
    expect(manifest).toMatchObject({ position: 30n, stateDigest: digest })
  })

  it('of an empty node restores to an empty one', async () => {
    const node = await openAlone()
    const to = fresh()
    await node.backup(to)
    await node.close()
    const store = new MemoryStore()
    await restoreBackup({ from: to, store, self: { id: 'b' } })
    const restored = await openAlone('b', store)
    expect(await restored.submit(Add('x'))).toMatchObject({ position: 1n })
    await restored.close()
  })

  it('refuses a target that is not empty, and leaves nothing behind when it fails', async () => {
    const node = await openAlone()
    await addMany(node, 10)
    const to = fresh()
    mkdirSync(to)
    writeFileSync(join(to, 'mine'), 'x')
    await expect(node.backup(to)).rejects.toEqual(failed('INVALID_ARGUMENT', 'not empty'))
    await expect(node.backup(join(to, 'mine'))).rejects.toEqual(failed('INVALID_ARGUMENT'))
    await expect(node.backup(join(root, 'no', 'parent'))).rejects.toEqual(failed('STORE_FAILED'))
    await expect(node.backup(fresh(), { signal: AbortSignal.abort() })).rejects.toEqual(
      failed('CANCELLED'),
    )
    expect(readdirSync(root).filter((name) => name.includes('partial'))).toEqual([])
    const into = fresh()
    mkdirSync(into)
    await node.backup(into)
    expect(statSync(join(into, 'manifest.json')).mode & 0o777).toBe(0o600)
    await node.close()
    await expect(node.backup(fresh())).rejects.toEqual(failed('CLOSED'))
  })

  it('does not hide that the store is damaged', async () => {
    const raw = new MemoryStore()
    const node = await openAlone('a', raw)
    await addMany(node, 30)
    const [key] = [...raw.scan({ from: Uint8Array.of(0x40), until: Uint8Array.of(0x41) })][2] ?? []
    if (key === undefined) throw new Error('no state')
    await raw.write([{ key, value: undefined }])
    await expect(node.backup(fresh())).rejects.toMatchObject({
      code: 'STORE_FAILED',
      definite: true,
      message: expect.stringContaining('1 records of table state are missing') as unknown,
    })
    await node.close()
  })
})

describe('a damaged backup', () => {
  it('is refused whichever byte was flipped or file cut, and the store stays empty', async () => {
    const { to } = await backedUp()
    const names = readdirSync(to)
    expect(names).toContain('manifest.json')
    let flips = 0
    for (const name of names) {
      const path = join(to, name)
      const good = readFileSync(path)
      for (let at = 0; at < good.length; at += 1 + Math.floor(good.length / 40)) {
        const bad = Buffer.from(good)
        bad[at] = (bad[at] ?? 0) ^ (1 << (at & 7))
        writeFileSync(path, bad)
        await refused(to)
        flips++
      }
      writeFileSync(path, good)
      truncateSync(path, good.length - 1)
      await refused(to)
      writeFileSync(path, good)
      appendFileSync(path, 'x')
      await refused(to)
      writeFileSync(path, good)
      renameSync(path, `${path}.gone`)
      await refused(to)
      renameSync(`${path}.gone`, path)
    }
    process.stdout.write(`${flips} flipped bytes in ${names.length} files, ${flips} refused\n`)
    const store = new MemoryStore()
    await restoreBackup({ from: to, store, self: { id: 'b' } })
  }, 60_000)

  it('is refused when its history is not the chain, though every checksum is right', async () => {
    const { to, manifest } = await backedUp()
    const place = manifest.files.find(({ name }) => name.startsWith('place'))
    if (place === undefined) throw new Error('no places')
    // The last place is left out, the files and the manifest agree.
    const path = join(to, place.name)
    const bytes = readFileSync(path)
    let at = 0
    let last = 0
    while (at < bytes.length) {
      last = at
      at += 6 + bytes.readUInt16BE(at) + bytes.readUInt32BE(at + 2)
    }
    const cut = bytes.subarray(0, last)
    writeFileSync(path, cut)
    const sha256 = createHash('sha256').update(cut).digest('hex')
    const forged = { ...place, bytes: cut.length, records: place.records - 1, sha256 }
    const files = manifest.files.map((file) => (file === place ? forged : file))
    writeFileSync(join(to, 'manifest.json'), formatManifest({ ...manifest, files }))
    await refused(to)
  })

  it('of a later format says so', () => {
    const manifest = { ...base(), format: 2 }
    expect(() => parseManifest(formatManifest(manifest))).toThrow(
      failed('INCOMPATIBLE_VERSION', 'format 2'),
    )
    expect(parseManifest(formatManifest(base()))).toEqual(base())
  })

  it('and a store that is not empty are refused', async () => {
    const { to } = await backedUp()
    const store = new MemoryStore()
    await store.write([{ key: Uint8Array.of(1), value: Uint8Array.of(1) }])
    await expect(restoreBackup({ from: to, store, self: { id: 'b' } })).rejects.toEqual(
      failed('INVALID_ARGUMENT', 'not empty'),
    )
    const members = [{ id: 'other', serial: 0, address: '' }]
    await expect(
      restoreBackup({ from: to, store: new MemoryStore(), self: { id: 'b' }, members }),
    ).rejects.toEqual(failed('INVALID_ARGUMENT', 'members'))
  })
})

/** As after a snapshot was installed. */
async function movedToSlotB(raw: MemoryStore): Promise<void> {
  const store = await SummedStore.open(raw)
  const batch: Mutation[] = [formatSlots({ current: 'B', otherIsEmpty: true })]
  for (const table of SLOT_TABLES) {
    for (const [key, value] of store.scan(tableRange(table, 'A')))
      batch.push({ key: keyInSlot(key, 'B'), value }, { key, value: undefined })
  }
  await store.write(batch)
}

function base(): BackupManifest {
  return {
    ...{ format: 1, cluster: '00', epoch: 1, position: 1n << 60n, time: 5n, hash: 'aa' },
    ...{ execHash: 'bb', executeAt: 1n << 120n, stateDigest: 'cc', bytes: 7n },
    ...{ createdAt: '2026-01-01T00:00:00.000Z', requires: 0, facts: { '9': '00' }, files: [] },
  }
}

async function refused(from: string): Promise<void> {
  const store = new MemoryStore()
  await expect(restoreBackup({ from, store, self: { id: 'b' } })).rejects.toEqual(
    failed('STORE_FAILED', 'cannot use the backup'),
  )
  expect([...store.scan({ limit: 1 })]).toEqual([])
}

describe('a place of the caller', () => {
  /** Files in memory; `fails`: which write is refused, counted from 1. */
  function memoryPlace(fails = 0): BackupPlace & { readonly files: Map<string, Uint8Array> } {
    const files = new Map<string, Uint8Array>()
    let writes = 0
    return {
      name: 'memory',
      files,
      begin: async () => {
        const draft = new Map<string, Buffer>()
        return {
          create: async (file) => ({
            write: async (bytes) => {
              if (++writes === fails) throw new Error('no room')
              draft.set(file, Buffer.concat([draft.get(file) ?? Buffer.alloc(0), bytes]))
            },
            close: async () => {},
          }),
          publish: async () => {
            for (const [file, bytes] of draft) files.set(file, bytes)
          },
          discard: async () => draft.clear(),
        }
      },
      read: async function* (file) {
        const bytes = files.get(file)
        if (bytes === undefined) throw new Error('no such file')
        for (let at = 0; at < bytes.length; at += 100) yield bytes.subarray(at, at + 100)
      },
    }
  }

  it('takes a backup, and gives it back: equal seeds, equal stores', async () => {
    const node = await openAlone()
    await addMany(node, 50)
    const place = memoryPlace()
    const manifest = await node.backup(place)
    await node.close()
    expect(await checkBackup(place)).toEqual(manifest)
    const contents = async (seed: bigint): Promise<string[]> => {
      const store = new MemoryStore()
      await restoreBackup({ from: place, store, self: { id: 'b' }, seed })
      return [...store.scan({})].map(([, value]) => Buffer.from(value).toString('hex'))
    }
    expect(await contents(1n)).toEqual(await contents(1n))
    expect(await contents(1n)).not.toEqual(await contents(2n))
    place.files.delete(manifest.files[0]?.name ?? '')
    await expect(checkBackup(place)).rejects.toEqual(failed('STORE_FAILED', 'cannot be read'))
  })

  it('that refuses fails the backup, and what is no place is refused', async () => {
    const node = await openAlone()
    await addMany(node, 10)
    await expect(node.backup(memoryPlace(2))).rejects.toEqual(failed('STORE_FAILED', 'no room'))
    await expect(node.backup('')).rejects.toEqual(failed('INVALID_ARGUMENT', 'a place'))
    const store = new MemoryStore()
    await expect(restoreBackup({ from: '', store, self: { id: 'b' } })).rejects.toEqual(
      failed('INVALID_ARGUMENT', 'from'),
    )
    await node.close()
  })
})
