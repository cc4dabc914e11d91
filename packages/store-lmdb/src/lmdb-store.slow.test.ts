/**
 * What this store promises beyond the contract; the contract itself is tried by
 * `@synevi/conformance`.
 */

import { readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isSyneviError } from 'synevi'
import { describe, expect, it } from 'vitest'
import { LmdbStore } from './lmdb-store.ts'
import { put, remove, scratchPath, text } from './test/scratch.ts'

describe('LmdbStore', () => {
  it('makes a directory for its user alone', async () => {
    const path = scratchPath()
    await using store = await LmdbStore.open({ path })
    await store.write([put('a', '1')])
    expect(statSync(path).mode & 0o777).toBe(0o700)
    expect(readdirSync(path).sort()).toEqual(['data.mdb', 'data.mdb-lock', 'format', 'lock'])
    for (const name of readdirSync(path))
      expect(statSync(join(path, name)).mode & 0o077, name).toBe(0)
  })

  it('does not show a commit whose write has not resolved', async () => {
    await using store = await LmdbStore.open({ path: scratchPath() })
    await store.write([put('a', 'old')])
    const writing = store.write([put('a', 'new'), put('b', 'new')])
    // LMDB's thread commits while this one stands still: the commit is there, and has not been
    // reported.
    await new Promise((resolve) => setImmediate(resolve))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
    expect(store.get(text('a'))).toEqual(text('old'))
    expect([...store.scan({})]).toEqual([[text('a'), text('old')]])
    await writing
    expect(store.get(text('a'))).toEqual(text('new'))
    expect([...store.scan({})].length).toBe(2)
  })

  it('hands out plain Uint8Arrays with memory of their own', async () => {
    await using store = await LmdbStore.open({ path: scratchPath() })
    await store.write([put('a', '1'), put('b', new Uint8Array(50_000))])
    const handed = [store.get(text('a')), store.get(text('b')), ...[...store.scan({})].flat()]
    expect(new Set(handed.map((bytes) => bytes?.buffer)).size).toBe(6)
    for (const bytes of handed) expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype)
  })

  it('refuses a second write while one is under way, which changes nothing', async () => {
    await using store = await LmdbStore.open({ path: scratchPath() })
    const first = store.write([put('a', '1')])
    await expect(store.write([put('b', '2')])).rejects.toThrow(
      expect.objectContaining({ code: 'STORE_FAILED', details: { reason: 'misuse' } }),
    )
    await first
    await store.write([put('c', '3')])
    expect([...store.scan({})].map(([key]) => Buffer.from(key).toString())).toEqual(['a', 'c'])
  })

  it('goes on behind the last key when writes resolve during a scan', async () => {
    await using store = await LmdbStore.open({ path: scratchPath() })
    const names = Array.from({ length: 200 }, (_, index) => `k${String(index).padStart(3, '0')}`)
    await store.write(names.map((name) => put(name, name)))
    for (const reverse of [false, true]) {
      const seen: string[] = []
      for (const [key] of store.scan({ reverse })) {
        seen.push(Buffer.from(key).toString())
        if (seen.length % 40 === 0) await store.write([put(`n${seen.length}`, ''), remove('n40')])
      }
      const old = seen.filter((name) => name.startsWith('k'))
      expect(old).toEqual(reverse ? names.toReversed() : names)
      expect(seen).toEqual(reverse ? seen.toSorted().reverse() : seen.toSorted())
    }
  })

  it('scans bytes as bounds that no key has', async () => {
    await using store = await LmdbStore.open({ path: scratchPath() })
    await store.write([{ key: Uint8Array.of(0), value: text('x') }])
    expect([...store.scan({ from: new Uint8Array(0) })].length).toBe(1)
    expect([...store.scan({ from: new Uint8Array(0), reverse: true })].length).toBe(1)
    expect([...store.scan({ until: new Uint8Array(0) })].length).toBe(0)
    expect([...store.scan({ until: new Uint8Array(0), reverse: true })].length).toBe(0)
    const long = new Uint8Array(1500).fill(255)
    expect([...store.scan({ until: long })].length).toBe(1)
    expect([...store.scan({ from: long })].length).toBe(0)
    expect([...store.scan({ until: long, reverse: true })].length).toBe(1)
  })

  it('after closing, every call says so', async () => {
    const path = scratchPath()
    const store = await LmdbStore.open({ path })
    await store.write([put('a', '1'), put('b', '2')])
    const scan = store.scan({})[Symbol.iterator]()
    scan.next()
    await store.close()
    const closed = expect.objectContaining({ code: 'CLOSED', definite: true })
    await expect(store.write([put('a', '1')])).rejects.toThrow(closed)
    await expect(store.copyTo(join(path, '..', 'copy'))).rejects.toThrow(closed)
    expect(() => store.get(text('a'))).toThrow(closed)
    expect(() => [...store.scan({})]).toThrow(closed)
    expect(store.hasRoom()).toBe(false)
    await store.close()
    expect(readdirSync(path).sort()).toEqual(['data.mdb', 'data.mdb-lock', 'format'])
  })

  it('copies itself while it is written to', async () => {
    const path = scratchPath()
    await using store = await LmdbStore.open({ path })
    const big = new Uint8Array(1000).fill(1)
    await store.write(Array.from({ length: 3000 }, (_, index) => put(`k${index}`, big)))
    const copying = store.copyTo(`${path}-copy`)
    await expect(store.copyTo(`${path}-other`)).rejects.toThrow('another copy is under way')
    for (let round = 0; round < 20; round++) {
      await store.write([put('first', String(round)), put('second', String(round))])
    }
    await copying
    await using copy = await LmdbStore.open({ path: `${path}-copy` })
    expect([...copy.scan({ from: text('k') })].filter(([key]) => key[0] === 107).length).toBe(3000)
    expect(copy.get(text('first'))).toEqual(copy.get(text('second')))
    expect(statSync(`${path}-copy`).mode & 0o777).toBe(0o700)
    await copy.write([put('own', 'life')])
    expect(store.get(text('own'))).toBeUndefined()
  })

  it('copies to nowhere but an empty directory, and goes on', async () => {
    const path = scratchPath()
    await using store = await LmdbStore.open({ path })
    await store.write([put('a', '1')])
    await expect(store.copyTo(path)).rejects.toThrow('it is not empty')
    await expect(store.copyTo(join(path, 'no', 'where'))).rejects.toThrow('make it first')
    await store.write([put('b', '2')])
    expect(store.get(text('b'))).toEqual(text('2'))
  })

  it('closes only after the copy', async () => {
    const path = scratchPath()
    const store = await LmdbStore.open({ path })
    await store.write(
      Array.from({ length: 2000 }, (_, index) => put(`k${index}`, new Uint8Array(2000))),
    )
    const copying = store.copyTo(`${path}-copy`)
    await Promise.all([store.close(), copying])
    await using copy = await LmdbStore.open({ path: `${path}-copy` })
    expect([...copy.scan({})].length).toBe(2000)
  })

  it("keeps what was written with durability 'process'", async () => {
    const path = scratchPath()
    const store = await LmdbStore.open({ path, durability: 'process' })
    await store.write([put('a', '1')])
    await store.close()
    await using again = await LmdbStore.open({ path })
    expect(again.get(text('a'))).toEqual(text('1'))
  })

  it('turns writes away before the map is full, and keeps reads', async () => {
    const path = scratchPath()
    const store = await LmdbStore.open({ path, mapMaxBytes: 4 * 2 ** 20, reserveBytes: 2 ** 20 })
    let written = 0
    let turnedAway = 0
    let refusal: unknown
    while (refusal === undefined) {
      if (!store.hasRoom()) turnedAway++
      try {
        await store.write([put(`k${written}`, new Uint8Array(20_000))])
        written++
      } catch (error) {
        refusal = error
      }
    }
    expect(isSyneviError(refusal, 'STORE_FULL')).toBe(true)
    // There was warning before the end, and the end is final.
    expect(turnedAway).toBeGreaterThan(3)
    await expect(store.write([put('tiny', '')])).rejects.toBe(refusal)
    expect([...store.scan({})].length).toBe(written)
    expect(store.sizeBytes()).toBeLessThan(4 * 2 ** 20)
    await store.close()
    await using again = await LmdbStore.open({
      path,
      mapMaxBytes: 16 * 2 ** 20,
      reserveBytes: 2 ** 20,
    })
    expect([...again.scan({})].length).toBe(written)
    await again.write([put('more', 'room')])
  })

  it('watches the space that availableBytes tells of', async () => {
    const path = scratchPath()
    let availableBytes = 10_000_000
    await using store = await LmdbStore.open({
      path,
      reserveBytes: 1_000_000,
      availableBytes: (asked) => (asked === path ? availableBytes : 0),
    })
    expect(store.hasRoom()).toBe(true)
    availableBytes = 400_000
    // Ten times a second is enough; a write of that size asks at once.
    await expect(store.write([put('a', new Uint8Array(8_000_000))])).rejects.toThrow(
      expect.objectContaining({ code: 'STORE_FULL', definite: false }),
    )
    expect(store.hasRoom()).toBe(false)
    expect(store.get(text('a'))).toBeUndefined()
  })

  it('a closed store that was cut by someone else is refused, not run into', async () => {
    const path = scratchPath()
    const store = await LmdbStore.open({ path })
    await store.write(
      Array.from({ length: 100 }, (_, index) => put(`k${index}`, new Uint8Array(1000))),
    )
    await store.close()
    truncateSync(join(path, 'data.mdb'), 40_960)
    await expect(LmdbStore.open({ path })).rejects.toThrow(
      expect.objectContaining({
        code: 'STORE_FAILED',
        details: { reason: 'damaged', path: join(path, 'data.mdb') },
      }),
    )
    writeFileSync(join(path, 'data.mdb'), '')
    await expect(LmdbStore.open({ path })).rejects.toThrow('the file is empty')
    // A refusal leaves no lock behind.
    expect(readdirSync(path).sort()).toEqual(['data.mdb', 'data.mdb-lock', 'format'])
  })
})
