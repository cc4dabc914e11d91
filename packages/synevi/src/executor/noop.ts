/** Does nothing with whatever it is given: for benches, and to see the log alone. */

import type { Bytes } from '@synevi/accord'
import type { Executor } from '../contract/executor.ts'
import { defineExecutor } from '../define/define-executor.ts'
import { bytesCodec } from '../define/plain-codecs.ts'
import { ok } from '../define/result.ts'
import { defineTransaction, on, type TransactionType } from '../define/transaction.ts'

/** Carries any bytes into the log. */
export const Noop: TransactionType<Bytes, void, never> = defineTransaction('noop/run', {
  input: bytesCodec,
})

/** Keeps no state: one value serves any number of nodes. */
export const NoopExecutor: Executor = defineExecutor('noop', {
  transactions: [on(Noop, () => ok())],
})
