/** Rows in which one node comes to other results than the rest. */

import { diverge } from '../divergence-fault.ts'
import { anySize, type Row } from '../row.ts'

/** In the order of the table. */
export const DIVERGENCE_ROWS: readonly Row[] = [
  {
    ...{ name: 'diverge', fits: anySize, once: true },
    fault: (ground) => diverge(ground, 'injected'),
    maySay: ['DIVERGED'],
  },
  {
    ...{ name: 'skew', fits: anySize, once: true },
    fault: (ground) => diverge(ground, 'skewed'),
    maySay: ['DIVERGED'],
  },
]
