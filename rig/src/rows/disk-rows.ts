/** Rows in which data is lost or a disk misbehaves. */

import { wipe } from '../fault.ts'
import { anySize, type Row } from '../row.ts'

/** In the order of the table. */
export const DISK_ROWS: readonly Row[] = [{ name: 'wipe', fits: anySize, fault: wipe, once: true }]
