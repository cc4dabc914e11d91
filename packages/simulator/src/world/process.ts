/**
 * A process that may be paused, slowed or cut off at any point, and never comes back: a restart is
 * a new one.
 *
 * Everything that reaches a node from outside (frames, alarms, completed writes, client calls) goes
 * through `enter`. The dead stay dead: what would enter later never does, and what a dead node
 * still tries is counted as a bug of the simulator.
 */

import type { EventQueue, Micros } from '../event-queue.ts'

/** One life of a node. */
export class SimProcess {
  /** The serial of the node. */
  readonly node: number
  /** 1 for its first life. */
  readonly incarnation: number
  readonly #queue: EventQueue
  readonly #backlog: (() => void)[] = []
  #alive = true
  #pausedUntil: Micros | undefined
  #costMicros: Micros = 0
  #busyUntil: Micros = 0
  #lateCalls = 0

  constructor(parts: { node: number; incarnation: number; queue: EventQueue }) {
    this.node = parts.node
    this.incarnation = parts.incarnation
    this.#queue = parts.queue
  }

  get alive(): boolean {
    return this.#alive
  }

  get paused(): boolean {
    return this.#pausedUntil !== undefined
  }

  /** Calls that a dead process made through its ports. Anything but 0 is a bug of the simulator. */
  get lateCalls(): number {
    return this.#lateCalls
  }

  /**
   * Lets something happen inside the process: now, after its pause, after what it is busy with, or
   * never.
   */
  enter(run: () => void): void {
    if (!this.#alive) return
    if (this.#pausedUntil !== undefined) {
      this.#backlog.push(run)
    } else if (this.#costMicros === 0 && this.#busyUntil <= this.#queue.now) {
      run()
    } else {
      this.#busyUntil = Math.max(this.#busyUntil, this.#queue.now) + this.#costMicros
      this.#queue.at(this.#busyUntil, () => this.#late(run))
    }
  }

  /** Nothing happens inside until `resume`, or for so long if given; then all at once, in order. */
  pause(forMicros?: Micros): void {
    if (!this.#alive) return
    const until = forMicros === undefined ? Infinity : this.#queue.now + forMicros
    this.#pausedUntil = Math.max(this.#pausedUntil ?? 0, until)
    if (until === Infinity) return
    this.#queue.at(until, () => {
      if (this.#pausedUntil !== undefined && this.#pausedUntil <= this.#queue.now) this.resume()
    })
  }

  resume(): void {
    if (this.#pausedUntil === undefined || !this.#alive) return
    this.#pausedUntil = undefined
    // Each as an event of its own: promises run dry between two of them.
    for (const run of this.#backlog.splice(0)) this.#queue.after(0, () => this.#late(run))
  }

  /** Everything that enters costs so much time, one after the other; 0 is the normal speed. */
  slow(costMicros: Micros): void {
    this.#costMicros = costMicros
  }

  /** The end of this life. */
  end(): void {
    this.#alive = false
    this.#backlog.length = 0
  }

  /** Says whether a call through a port may take effect; counts it when the process is dead. */
  admits(): boolean {
    if (!this.#alive) this.#lateCalls++
    return this.#alive
  }

  #late(run: () => void): void {
    if (!this.#alive) return
    if (this.#pausedUntil === undefined) run()
    else this.#backlog.push(run)
  }
}
