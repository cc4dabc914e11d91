/** Rows in which data is lost or a disk misbehaves. */

import { RESERVE_BYTES, failingFlush, fill, powerLoss, RowDisks, slowFlush } from '../disk-fault.ts'
import { wipe } from '../fault.ts'
import { anySize, type Row } from '../row.ts'
import { whyNoScratchDisk } from '../scratch-disk.ts'
import { whyNoSyscallFault } from '../syscall-fault.ts'

/** In the order of the table. */
export const DISK_ROWS: readonly Row[] = [
  { name: 'wipe', fits: anySize, fault: wipe, once: true },
  diskFull('disk-low', 'slowly'),
  diskFull('disk-full', 'atOnce'),
  {
    ...{ name: 'eio', fits: anySize, skipped: whyNoSyscallFault },
    fault: (ground) => failingFlush(ground),
    maySay: ['STORE_FAILED', 'NODE_FAILED'],
  },
  {
    ...{ name: 'slow-flush', fits: anySize, skipped: whyNoSyscallFault },
    fault: (ground) => slowFlush(ground, 100),
  },
  power(),
]

function diskFull(name: string, how: 'slowly' | 'atOnce'): Row {
  const disks = new RowDisks()
  return {
    ...{ name, fits: anySize, skipped: whyNoScratchDisk },
    plan: () => ({ reserveBytes: RESERVE_BYTES }),
    prepare: (cluster) => disks.inMemory(cluster),
    fault: (ground) => fill(ground, how),
    maySay: ['STORE_FAILED', 'NODE_FAILED'],
  }
}

function power(): Row {
  const disks = new RowDisks()
  return {
    ...{ name: 'power', fits: anySize, skipped: whyNoScratchDisk },
    prepare: (cluster) => disks.ofImages(cluster),
    fault: (ground) => powerLoss(ground, disks),
  }
}
