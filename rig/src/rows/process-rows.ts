/** Rows in which processes die or stand still. */

import { kill, minorityOf, pause, type FaultGround } from '../fault.ts'
import { anySize, type Row } from '../row.ts'

const minorityAboveOne = (size: number): boolean => minorityOf(size) > 1
const sizeOf = ({ cluster }: FaultGround): number => cluster.members.length

/** In the order of the table. */
export const PROCESS_ROWS: readonly Row[] = [
  { name: 'kill-one', fits: anySize, fault: (ground) => kill(ground, 1) },
  {
    name: 'kill-minority',
    fits: minorityAboveOne,
    fault: (ground) => kill(ground, minorityOf(sizeOf(ground))),
  },
  { name: 'kill-all', fits: anySize, fault: (ground) => kill(ground, sizeOf(ground)) },
  { name: 'pause-one', fits: anySize, fault: (ground) => pause(ground, 1) },
  {
    name: 'pause-minority',
    fits: minorityAboveOne,
    fault: (ground) => pause(ground, minorityOf(sizeOf(ground))),
  },
]
