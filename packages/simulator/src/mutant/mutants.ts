/** All planted bugs of this package's instruments, in the order of the table. */

import { FEATURE_MUTANTS } from './feature-mutants.ts'
import type { Mutant } from './mutant.ts'
import { EPOCH_MUTANTS } from './epoch-mutants.ts'
import { FLOOR_MUTANTS } from './floor-mutants.ts'
import { NODE_MUTANTS } from './node-mutants.ts'
import { ORDER_MUTANTS } from './order-mutants.ts'
import { QUORUM_MUTANTS } from './quorum-mutants.ts'
import { READ_MUTANTS } from './read-mutants.ts'
import { RECOVERY_MUTANTS } from './recovery-mutants.ts'

/** No two have one name. */
export const MUTANTS: readonly Mutant[] = [
  ...QUORUM_MUTANTS,
  ...RECOVERY_MUTANTS,
  ...ORDER_MUTANTS,
  ...READ_MUTANTS,
  ...FEATURE_MUTANTS,
  ...FLOOR_MUTANTS,
  ...EPOCH_MUTANTS,
  ...NODE_MUTANTS,
]
