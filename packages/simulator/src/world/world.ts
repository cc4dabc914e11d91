/** The simulated world as its checks see it. */

import type { AppliedTransaction } from 'synevi'
import type { EventQueue, Micros } from '../event-queue.ts'
import type { Plan } from '../fault/plan.ts'
import type { Watch } from '../watch.ts'
import type { Administrator } from '../workload/administrator.ts'
import type { Recorder } from '../workload/recorder.ts'
import type { Workload } from '../workload/workload.ts'
import type { Machine } from './machine.ts'
import type { SimNetwork } from './network.ts'

/** Everything of one run. */
export interface World {
  readonly plan: Plan
  readonly queue: EventQueue
  readonly network: SimNetwork
  readonly machines: readonly Machine[]
  readonly watch: Watch
  readonly recorder: Recorder
  readonly workload: Workload
  readonly administrator: Administrator
  /** The agreed log, once everything was judged. */
  log: readonly AppliedTransaction[]
  /** Lets time pass until the condition holds, at most for so long. Says whether it holds. */
  pump(until: () => boolean, atMost: Micros): Promise<boolean>
}
