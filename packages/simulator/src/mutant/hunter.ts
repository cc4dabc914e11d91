/**
 * The process that hunts, started in a copy that carries a mutant: orders by argument, result on
 * standard output.
 */

import { hunt } from './hunt.ts'
import type { Hunt } from './mutant.ts'

interface Order {
  readonly hunts: readonly Hunt[]
  readonly explored?: string
  readonly from: string
}

const order: Order = JSON.parse(process.argv[2] ?? '{}')
process.stdout.write(JSON.stringify(await hunt(order, BigInt(order.from))))
