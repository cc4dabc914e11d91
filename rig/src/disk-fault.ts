/** Faults of disks: full, failing, slow, and what a loss of power leaves of them. */

import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Cluster } from './cluster.ts'
import { draw, start, type Fault, type FaultGround } from './fault.ts'
import type { Failure } from './orders.ts'
import { ScratchDisk } from './scratch-disk.ts'
import { sleep } from './monotonic.ts'
import { SyscallFault } from './syscall-fault.ts'

/** Of each scratch disk. */
const DISK_BYTES = 96 * 2 ** 20
/** Of each member on one that fills up; half of it is what even votes may not touch. */
export const RESERVE_BYTES: number = 16 * 2 ** 20
/** Until a node whose disk fails has stopped itself. */
const STOP_MAX_MS = 1_000
const FILL_CHUNK_BYTES = 2 ** 18

/** The scratch disks of a row, by serial: made before its members start. */
export class RowDisks {
  readonly #disks = new Map<Cluster, readonly ScratchDisk[]>()
  #copies = 0

  async inMemory(cluster: Cluster): Promise<void> {
    const disks = cluster.serials.map((serial) =>
      ScratchDisk.inMemory(cluster.diskOf(serial), DISK_BYTES, cluster.cleanup),
    )
    this.#disks.set(cluster, await Promise.all(disks))
    cluster.beforeRemoval(() => this.#remove(cluster))
  }

  async ofImages(cluster: Cluster): Promise<void> {
    const disks = cluster.serials.map((serial) => {
      const image = join(cluster.folder, `image-${serial}`)
      return ScratchDisk.ofImage(
        { path: cluster.diskOf(serial), image, bytes: DISK_BYTES },
        cluster.cleanup,
      )
    })
    this.#disks.set(cluster, await Promise.all(disks))
    cluster.beforeRemoval(() => this.#remove(cluster))
  }

  /** In the order of serials. */
  of(cluster: Cluster): readonly ScratchDisk[] {
    return this.#disks.get(cluster) ?? []
  }

  /** Of each disk, as it is now: a path each. */
  async copies(cluster: Cluster): Promise<readonly string[]> {
    const number = this.#copies++
    const paths = cluster.serials.map((serial) =>
      join(cluster.folder, `image-${serial}-copy-${number}`),
    )
    await Promise.all(this.of(cluster).map((disk, serial) => disk.copyImage(paths[serial] ?? '')))
    return paths
  }

  async #remove(cluster: Cluster): Promise<void> {
    await Promise.all(this.of(cluster).map((disk) => disk.unmount()))
    this.#disks.delete(cluster)
  }
}

/**
 * One disk fills up. `slowly`: down into the reserve, so that the node turns clients away and goes
 * on voting. `atOnce`: to the last byte, so that it cannot vote any more and stops, saying why.
 */
export function fill(ground: FaultGround, how: 'slowly' | 'atOnce'): Fault {
  const { cluster } = ground
  const { victims, others } = draw(ground, 1)
  const [victim = 0] = victims
  const ballast = join(cluster.diskOf(victim), 'ballast')
  return {
    what: `the disk of ${victim} ${how === 'slowly' ? 'in its reserve' : 'full'}`,
    ...{ survivors: others, victims, lastsMs: 2_500 },
    begin: async () => {
      cluster.member(victim).expectEnd()
      fillUntil(ballast, how === 'slowly' ? 0.9 * RESERVE_BYTES : 0)
    },
    ineffective: async () => {
      if (!cluster.member(victim).isReady) return undefined
      const { phase } = await cluster.condition(victim)
      return phase === 'readOnly' ? undefined : `it is ${phase}`
    },
    wrong: async () => {
      const { isReady, lastStop } = cluster.member(victim)
      if (how === 'slowly') return isReady ? [] : [`it did not go on voting: ${told(lastStop)}`]
      if (isReady) return ['it goes on with a full disk']
      // The reserve, or the file system when the last byte went between that look and the write.
      const says = /free space|No space left on device/
      return says.test(lastStop?.message ?? '') ? [] : [`it says ${told(lastStop)}`]
    },
    end: async () => {
      rmSync(ballast)
      if (cluster.member(victim).pid === undefined) start(cluster, victims)
    },
  }
}

/** Each flush of one process fails: what it had written may or may not be there. */
export function failingFlush(ground: FaultGround): Fault {
  const { cluster } = ground
  const { victims, others } = draw(ground, 1)
  const [victim = 0] = victims
  let fault: SyscallFault | undefined
  let stoppedMs: number | undefined
  return {
    what: `EIO on every flush of ${victim}`,
    ...{ survivors: others, victims, lastsMs: 2_500 },
    begin: async () => {
      const member = cluster.member(victim)
      member.expectEnd()
      const { pid = 0 } = member
      const trace = join(cluster.folder, `trace-${pid}`)
      fault = await SyscallFault.begin({ pid, what: 'fdatasync:error=EIO', trace }, cluster.cleanup)
      const began = performance.now()
      while (member.pid !== undefined && performance.now() - began < 2 * STOP_MAX_MS)
        await sleep(10)
      stoppedMs = performance.now() - began
    },
    ineffective: async () => ((fault?.count ?? 0) > 0 ? undefined : 'no flush was struck'),
    wrong: async () => {
      const member = cluster.member(victim)
      if (member.pid !== undefined) return ['it goes on after a flush that failed']
      const found: string[] = []
      if (member.lastStop?.code !== 'STORE_FAILED') found.push(`it says ${told(member.lastStop)}`)
      if ((stoppedMs ?? 0) > STOP_MAX_MS) found.push(`it stopped after ${stoppedMs} ms`)
      return found
    },
    end: async () => {
      await fault?.end()
      if (cluster.member(victim).pid === undefined) start(cluster, victims)
    },
  }
}

/** Each flush of one process takes so much longer. */
export function slowFlush(ground: FaultGround, delayMs: number): Fault {
  const { cluster, random } = ground
  const { victims, others } = draw(ground, 1)
  const [victim = 0] = victims
  let fault: SyscallFault | undefined
  return {
    what: `every flush of ${victim} takes ${delayMs} ms longer`,
    ...{ survivors: others, victims, lastsMs: random.between(2_000, 3_000) },
    begin: async () => {
      const { pid = 0 } = cluster.member(victim)
      const what = `fdatasync:delay_enter=${delayMs * 1_000}`
      const trace = join(cluster.folder, `trace-${pid}`)
      fault = await SyscallFault.begin({ pid, what, trace }, cluster.cleanup)
    },
    ineffective: async () => ((fault?.count ?? 0) > 2 ? undefined : 'no flush was slow'),
    end: async () => {
      await fault?.end()
    },
  }
}

/**
 * All lose power at one instant: they stand still, their disks are copied without what was never
 * flushed, they die, and start from the copies.
 */
export function powerLoss(ground: FaultGround, disks: RowDisks): Fault {
  const { cluster } = ground
  const { serials } = cluster
  let mounted = 0
  return {
    what: 'all lose power',
    ...{ survivors: [], victims: serials, lastsMs: 300 },
    begin: async () => {
      for (const serial of serials) cluster.member(serial).pause()
      const copies = await disks.copies(cluster)
      await Promise.all(serials.map((serial) => cluster.member(serial).kill()))
      for (const [serial, disk] of disks.of(cluster).entries()) {
        await disk.replaceBy(copies[serial] ?? '')
        mounted++
      }
    },
    ineffective: async () => (mounted === serials.length ? undefined : `${mounted} were copied`),
    end: async () => start(cluster, serials),
  }
}

/** Writes until no more than that is free; then to the last byte if nothing may be. */
function fillUntil(path: string, freeBytes: number): void {
  const file = openSync(path, 'w')
  const chunk = new Uint8Array(FILL_CHUNK_BYTES).fill(1)
  try {
    for (;;) {
      const { bavail, bsize } = statfsSync(path)
      const left = Math.min(chunk.length, Math.floor(bavail * bsize - freeBytes))
      if (left <= 0) return
      writeSync(file, chunk, 0, left)
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
  } finally {
    closeSync(file)
  }
}

function told(failure: Failure | undefined): string {
  return failure === undefined ? 'nothing' : `${failure.code}: ${failure.message}`
}
