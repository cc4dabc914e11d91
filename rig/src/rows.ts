/** The nemesis table. A file in `rows/` is a group of rows. */

import { anySize, type Row } from './row.ts'
import { DISK_ROWS } from './rows/disk-rows.ts'
import { DIVERGENCE_ROWS } from './rows/divergence-rows.ts'
import { MEMBERSHIP_ROWS } from './rows/membership-rows.ts'
import { NETWORK_ROWS } from './rows/network-rows.ts'
import { PROCESS_ROWS } from './rows/process-rows.ts'
import { UPGRADE_ROWS } from './rows/upgrade-rows.ts'

/** In the order of the table. */
export const ROWS: readonly Row[] = [
  { name: 'calm', fits: anySize, fault: undefined },
  ...PROCESS_ROWS,
  ...NETWORK_ROWS,
  ...DISK_ROWS,
  ...DIVERGENCE_ROWS,
  ...MEMBERSHIP_ROWS,
  ...UPGRADE_ROWS,
]
