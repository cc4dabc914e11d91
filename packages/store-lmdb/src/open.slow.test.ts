/** Every directory that must not be opened, and what is said about it. */

import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { LmdbStore } from './lmdb-store.ts'
import { Child } from './test/child.ts'
import { put, scratchPath, text } from './test/scratch.ts'

async function used(path: string): Promise<string> {
  const store = await LmdbStore.open({ path })
  await store.write([put('a', '1')])
  await store.close()
  return path
}

function refusal(code: string, words: string, reason?: string): unknown {
  return expect.objectContaining({
    code,
    message: expect.stringContaining(words),
    ...(reason === undefined ? {} : { details: expect.objectContaining({ reason }) }),
  })
}

describe('open refuses', () => {
  it('a path without a parent', async () => {
    const path = join(scratchPath(), 'a', 'b')
    await expect(LmdbStore.open({ path })).rejects.toThrow(
      refusal('INVALID_ARGUMENT', 'does not exist; make it first'),
    )
  })

  it('a path that is a file, or below one, or a link to nowhere', async () => {
    const path = scratchPath()
    writeFileSync(path, 'mine')
    await expect(LmdbStore.open({ path })).rejects.toThrow(
      refusal('INVALID_ARGUMENT', 'it is not a directory'),
    )
    await expect(LmdbStore.open({ path: join(path, 'x') })).rejects.toThrow(
      refusal('INVALID_ARGUMENT', 'is not a directory'),
    )
    expect(readFileSync(path, 'utf8')).toBe('mine')
    symlinkSync(`${path}-nowhere`, `${path}-link`)
    await expect(LmdbStore.open({ path: `${path}-link` })).rejects.toThrow(
      refusal('INVALID_ARGUMENT', 'not a directory'),
    )
  })

  it('a directory that this process has open, and only as long', async () => {
    const path = scratchPath()
    const store = await LmdbStore.open({ path })
    await expect(LmdbStore.open({ path })).rejects.toThrow(
      refusal('STORE_FAILED', 'this process has it open', 'locked'),
    )
    await store.write([put('a', 'still works')])
    await store.close()
    await using again = await LmdbStore.open({ path })
    expect(again.get(text('a'))).toEqual(text('still works'))
  })

  it('one of two that open at the same time', async () => {
    const path = scratchPath()
    const results = await Promise.allSettled([LmdbStore.open({ path }), LmdbStore.open({ path })])
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    for (const result of results) if (result.status === 'fulfilled') await result.value.close()
  })

  it('a newer format', async () => {
    const path = await used(scratchPath())
    writeFileSync(join(path, 'format'), 'synevi-store-lmdb 2\n')
    const words = 'written in store format 2, this version reads 1; upgrade first'
    await expect(LmdbStore.open({ path })).rejects.toThrow(refusal('INCOMPATIBLE_VERSION', words))
  })

  for (const content of [
    '',
    'synevi-store-lmdb 0\n',
    'synevi-store-lmdb 1',
    'synevi-store-lmdb 1x\n',
    '\0'.repeat(100),
  ]) {
    it(`a format file with ${JSON.stringify(content.slice(0, 22))}`, async () => {
      const path = await used(scratchPath())
      writeFileSync(join(path, 'format'), content)
      await expect(LmdbStore.open({ path })).rejects.toThrow(
        refusal('STORE_FAILED', 'not that of a Synevi store', 'damaged'),
      )
    })
  }

  it('a directory whose data is gone', async () => {
    const path = await used(scratchPath())
    rmSync(join(path, 'data.mdb'))
    const words = 'data.mdb is gone; replace this member, it must not start empty'
    await expect(LmdbStore.open({ path })).rejects.toThrow(
      refusal('STORE_FAILED', words, 'missing'),
    )
    expect(existsSync(join(path, 'data.mdb'))).toBe(false)
  })

  it('data without a format file, unless it is empty', async () => {
    const path = await used(scratchPath())
    rmSync(join(path, 'format'))
    await expect(LmdbStore.open({ path })).rejects.toThrow(
      refusal('STORE_FAILED', 'its file "format" is gone', 'damaged'),
    )
    const fresh = scratchPath()
    await (await LmdbStore.open({ path: fresh })).close()
    rmSync(join(fresh, 'format'))
    await using store = await LmdbStore.open({ path: fresh })
    await store.write([put('a', '1')])
    expect(existsSync(join(fresh, 'format'))).toBe(true)
  })

  it('nothing that a creation cut short has left', async () => {
    const path = scratchPath()
    mkdirSync(path)
    for (const name of [
      'data.mdb.new',
      'data.mdb.new-lock',
      'format.new',
      'lock.0123456789abcdef',
    ]) {
      writeFileSync(join(path, name), 'torn')
    }
    await using store = await LmdbStore.open({ path })
    await store.write([put('a', '1')])
    for (const name of [
      'data.mdb.new',
      'data.mdb.new-lock',
      'format.new',
      'lock.0123456789abcdef',
    ]) {
      expect(existsSync(join(path, name)), name).toBe(false)
    }
  })
})

describe('the lock', () => {
  const self = (change: object): string => {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trimEnd()
    return JSON.stringify({ pid: 1, host: 'elsewhere', started: '1', boot, ...change })
  }
  const stale: Readonly<Record<string, () => string>> = {
    'of a process that is gone': () => self({ pid: 2 ** 22 }),
    'of this pid in an earlier life': () => self({ pid: process.pid }),
    'of another start of the computer': () => self({ boot: 'before' }),
    'of another computer': () => self({ host: 'another' }),
    'that is empty': () => '',
    'that is not JSON': () => '{"pid":',
    'that is JSON of something else': () => '[1]',
  }
  for (const [name, content] of Object.entries(stale)) {
    // Only Linux tells when a process began.
    it.runIf(process.platform === 'linux')(`${name} is taken over`, async () => {
      const path = await used(scratchPath())
      writeFileSync(join(path, 'lock'), content())
      await using store = await LmdbStore.open({ path })
      expect(store.get(text('a'))).toEqual(text('1'))
      expect(JSON.parse(readFileSync(join(path, 'lock'), 'utf8'))).toMatchObject({
        pid: process.pid,
      })
    })
  }

  it('lost while its holder lives does not let a second process in: the kernel knows', async () => {
    const path = scratchPath()
    const child = new Child('writer-child.ts', [path, '0', 'sync'])
    await child.lines(1)
    rmSync(join(path, 'lock'))
    const words = `process ${child.process.pid} has it open`
    await expect(LmdbStore.open({ path })).rejects.toThrow(refusal('STORE_FAILED', words, 'locked'))
    // The holder was not disturbed.
    const before = (await child.lines(1)).length
    await child.lines(before + 20)
    child.process.kill('SIGKILL')
    await child.ended
    await (await LmdbStore.open({ path })).close()
  })
})

// Root may do anything, so a child without rights tries.
describe.runIf(process.platform === 'linux' && process.getuid?.() === 0)(
  'a user without rights',
  () => {
    const nobody = { uid: 65_534 }
    const attempts: Readonly<Record<string, (path: string) => string>> = {
      'a directory of someone else': (path) => path,
      'a data file of someone else': (path) => {
        chmodSync(path, 0o777)
        return path
      },
      'a place to make it': (path) => {
        chmodSync(join(path, '..'), 0o755)
        return join(path, '..', 'new')
      },
    }
    for (const [name, prepare] of Object.entries(attempts)) {
      it(`is refused ${name}, with a code and words`, async () => {
        const path = await used(scratchPath())
        chmodSync(join(path, '..'), 0o755)
        const child = new Child('open-child.ts', [prepare(path)], nobody)
        const ended = await child.ended
        expect(ended.signal, ended.stderr).toBeNull()
        expect(JSON.parse(ended.stdout), ended.stderr).toMatchObject({
          code: 'STORE_FAILED',
          details: { reason: 'refused' },
        })
        expect(ended.stdout).toMatch(/permission denied/i)
      })
    }
  },
)
