/** Rows in which links break, fall silent or slow down. */

import { cut, delay, flap, minorityOf, oneWay, silence, type FaultGround } from '../fault.ts'
import { anySize, type Row } from '../row.ts'

const sizeOf = ({ cluster }: FaultGround): number => cluster.members.length

/** In the order of the table. */
export const NETWORK_ROWS: readonly Row[] = [
  { name: 'cut-one', fits: anySize, fault: (ground) => cut(ground, 1) },
  { name: 'mute-one', fits: anySize, fault: (ground) => oneWay(ground, 'mute') },
  { name: 'deaf-one', fits: anySize, fault: (ground) => oneWay(ground, 'deaf') },
  {
    name: 'halves',
    fits: (size) => minorityOf(size) > 1,
    fault: (ground) => cut(ground, minorityOf(sizeOf(ground))),
  },
  { name: 'silence', fits: anySize, fault: silence },
  {
    name: 'delay',
    fits: anySize,
    fault: (ground) => delay(ground, { delayMs: 75, jitterMs: 50 }),
  },
  { name: 'flap', fits: anySize, fault: (ground) => flap(ground, 100) },
]
