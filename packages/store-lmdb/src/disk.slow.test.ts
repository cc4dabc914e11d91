/**
 * Disks that are full, limited or read-only. Mounts where that is allowed; a limit of the shell
 * elsewhere.
 */

import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { LmdbStore } from './lmdb-store.ts'
import { countBatches } from './test/batch.ts'
import { Child, type Ended } from './test/child.ts'
import { put, scratchPath, text } from './test/scratch.ts'

/** A tmpfs of that size, unmounted after the test. */
function mountTmpfs(options: string): string {
  const path = scratchPath('disk')
  mkdirSync(path)
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path])
  onTestFinished(() => {
    execFileSync('umount', ['-l', path])
  })
  return path
}

const mayMount = ((): boolean => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  const path = `/tmp/synevi-mount-${process.pid}`
  mkdirSync(path)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', path], { stdio: 'ignore' })
    execFileSync('umount', [path])
    return true
  } catch {
    return false
  } finally {
    rmSync(path, { recursive: true })
  }
})()

function resultOf(ended: Ended): Readonly<Record<string, unknown>> {
  expect(ended, ended.stderr).toMatchObject({ code: 0, signal: null })
  const result: unknown = JSON.parse(ended.stdout)
  expect(result).toBeTypeOf('object')
  return Object.assign({}, result)
}

/** What a stopped store says to everything, without touching LMDB. */
const STOPPED = {
  code: 'STORE_FAILED',
  get: 'the same failure',
  scan: 'the same failure',
  write: 'the same failure',
  copyTo: 'the same failure',
  hasRoom: false,
  close: 'done',
  closeAgain: 'done',
  openAgain: expect.stringContaining('this process has it open'),
}

async function expectAllThere(path: string, acknowledged: unknown): Promise<void> {
  await using store = await LmdbStore.open({ path, reserveBytes: 0 })
  const found = countBatches(store)
  expect([acknowledged, Number(acknowledged) + 1]).toContain(found)
  expect(found).toBeGreaterThan(5)
}

describe('a write that fails', () => {
  // The limit on the size of a file is the shell's of Linux.
  it.runIf(process.platform === 'linux')(
    'stops the store; a new process finds all that was acknowledged',
    async () => {
      const path = scratchPath()
      const child = new Child('failing-child.ts', [path, '0'], { fileBytesMax: 2 ** 20 })
      const result = resultOf(await child.ended)
      expect(result).toMatchObject({
        ...STOPPED,
        message: expect.stringMatching(/^the store in .* has stopped: a write failed/),
      })
      await expectAllThere(path, result['acknowledged'])
    },
  )

  // Not everyone may mount.
  it.runIf(mayMount)('for want of space, without a reserve, does the same', async () => {
    const disk = mountTmpfs('size=2m')
    const path = join(disk, 'data')
    const result = resultOf(await new Child('failing-child.ts', [path, '0']).ended)
    expect(result).toMatchObject(STOPPED)
    execFileSync('mount', ['-o', 'remount,size=8m', disk])
    await expectAllThere(path, result['acknowledged'])
  })
})

// Not everyone may mount.
describe.runIf(mayMount)('a small disk', () => {
  it('is never filled: writes are turned away, reads go on, and it recovers', async () => {
    const disk = mountTmpfs('size=64m')
    writeFileSync(join(disk, 'ballast'), Buffer.alloc(60 * 2 ** 20))
    const path = join(disk, 'data')
    const result = resultOf(await new Child('failing-child.ts', [path, 'default']).ended)
    expect(result).toMatchObject({
      code: 'STORE_FULL',
      warned: true,
      get: 'done',
      scan: 'done',
      write: 'the same failure',
      hasRoom: false,
      close: 'done',
      openAgain: 'opened',
    })
    rmSync(join(disk, 'ballast'))
    await using store = await LmdbStore.open({ path })
    expect(countBatches(store)).toBe(result['acknowledged'])
    expect(store.hasRoom()).toBe(true)
    await store.write([put('more', '1')])
  })

  it('that is mounted read-only is refused with words', async () => {
    const disk = mountTmpfs('size=8m')
    const path = join(disk, 'data')
    const store = await LmdbStore.open({ path })
    await store.write([put('a', '1')])
    await store.close()
    execFileSync('mount', ['-o', 'remount,ro', disk])
    const refused = expect.objectContaining({
      code: 'STORE_FAILED',
      message: expect.stringMatching(/read-only file system/i),
      details: expect.objectContaining({ reason: 'refused' }),
    })
    await expect(LmdbStore.open({ path })).rejects.toThrow(refused)
    await expect(LmdbStore.open({ path: join(disk, 'new') })).rejects.toThrow(refused)
    execFileSync('mount', ['-o', 'remount,rw', disk])
    await using again = await LmdbStore.open({ path })
    expect(again.get(text('a'))).toEqual(text('1'))
  })
})
