/** One epoch that a test knows, and no other. */

import type { FitsEpochs } from '../message/fits.ts'
import type { Epoch, NodeSerial } from '../time/timestamp.ts'

/** Its members all vote. */
export interface TestEpoch extends FitsEpochs {
  readonly epoch: Epoch
  readonly members: readonly NodeSerial[]
}

/** What a receiver knows that has heard of this epoch alone. */
export function testEpoch(epoch: Epoch, members: readonly NodeSerial[]): TestEpoch {
  return { epoch, members, votersOf: (asked) => (asked === epoch ? members : undefined) }
}
