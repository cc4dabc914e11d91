/** A row of the nemesis table: one kind of harm, and the cluster that it is done to. */

import type { Cluster } from './cluster.ts'
import type { Fault, FaultGround } from './fault.ts'
import type { MemberPlan } from './orders.ts'

/** One row. Groups of them are in `rows/`, one file each. */
export interface Row {
  readonly name: string
  /** Whether it says something else than the other rows at this size. */
  readonly fits: (size: number) => boolean
  /** Undefined: a run without a fault. */
  readonly fault: ((ground: FaultGround) => Fault) | undefined
  /** Faults one after the other, each once, instead of the same again and again. */
  readonly steps?: readonly ((ground: FaultGround) => Fault)[]
  /** Can come only once in a run. */
  readonly once?: boolean
  /** Why it cannot be run on this machine; undefined when it can. Skipped rows are counted. */
  readonly skipped?: () => string | undefined
  /** Changes to the plans of single members. */
  readonly plan?: (serial: number) => Partial<MemberPlan>
  /** Before any member starts: disks, say. What it makes goes to the cluster's `cleanup`. */
  readonly prepare?: (cluster: Cluster) => Promise<void>
  /** Members of the first list: the others of the cluster's size may join. Default all. */
  readonly first?: (size: number) => number
  /** So many more than the row's size may join. Default 0. */
  readonly spares?: (size: number) => number
  /** Codes that clients may hear in this row, and in no other. */
  readonly maySay?: readonly string[]
}

/** At any size of a cluster. */
export function anySize(): boolean {
  return true
}
