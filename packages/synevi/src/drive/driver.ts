/**
 * The loop between the replica and the world (`architecture.md` 5): it obeys the lists of one
 * `Ready` at a time. What may be said before a write is durable, and what only after, the core
 * decided; here it is only kept.
 */

import {
  type Answer,
  type Envelope,
  type Execution,
  type Input,
  type Millis,
  type Mutation,
  type Notice,
  type ReadAnswer,
  type Ready,
  type Replica,
  type Write,
} from '@synevi/accord'
import type { Clock } from '../contract/clock.ts'
import type { LaneResult } from './execution-lane.ts'

/** Executions that return at once may hold the thread this long before votes get their turn. */
const LANE_TURN_MS = 8

/** What a driver stands between. */
export interface DriverParts {
  readonly replica: Replica
  readonly clock: Clock
  /** Posts to peers: best effort, never throws. */
  readonly post: (envelopes: readonly Envelope[]) => void
  /** What the writes are in the store. */
  readonly encode: (writes: readonly Write[]) => readonly Mutation[]
  /** Atomic; durable when it resolves. */
  readonly write: (batch: readonly Mutation[]) => Promise<void>
  /** Runs one execution; the next begins when it has ended. */
  readonly run: (execution: Execution) => LaneResult | Promise<LaneResult>
  readonly answer: (answer: Answer) => void
  readonly read: (answer: ReadAnswer) => void
  readonly notice: (notice: Notice) => void
  /** These writes are durable; called before anything that states them is said. */
  readonly stored: (writes: readonly Write[]) => void
  /** Once: something broke, and the driver has stopped. */
  readonly failed: (error: unknown) => void
}

/** A failed write, as opposed to anything else that breaks. */
export class WriteFailure extends Error {
  override readonly name = 'WriteFailure'
}

/** Feeds one replica and serves what it asks for, until it fails or is closed. */
export class Driver {
  readonly #parts: DriverParts
  #isStopped = false
  #flush: Promise<void> | undefined
  #isFlushing = false
  readonly #executions: Execution[] = []
  #isExecuting = false
  #lane: Promise<void> | undefined
  #isBlocked = false
  #alarm: { readonly at: Millis; readonly handle: Disposable } | undefined

  constructor(parts: DriverParts) {
    this.#parts = parts
  }

  /** Arms the first alarm and serves what the replica asks for since it was opened. */
  start(): void {
    this.feed({ kind: 'wake' })
  }

  /** Steps the input, then serves. Ignored once stopped. */
  feed(input: Input): void {
    this.#step(input)
    this.#kick()
  }

  /** Steps all of them, in order, before it serves any. */
  feedAll(inputs: readonly Input[]): void {
    for (const input of inputs) this.#step(input)
    this.#kick()
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /** Nothing is sent, run or answered from here on. Resolves when the write under way has ended. */
  async close(): Promise<void> {
    this.#stop()
    await this.#flush
  }

  /** Once closed: resolves when the execution under way has ended, which is not waited for else. */
  async idle(): Promise<void> {
    await this.#lane
  }

  #stop(): void {
    this.#isStopped = true
    this.#executions.length = 0
    this.#alarm?.handle[Symbol.dispose]()
    this.#alarm = undefined
  }

  #fail(error: unknown): void {
    if (this.#isStopped) return
    this.#stop()
    this.#parts.failed(error)
  }

  #step(input: Input): void {
    if (this.#isStopped) return
    const { replica, clock } = this.#parts
    try {
      replica.step(input, clock.now())
      this.#rearm()
    } catch (error) {
      this.#fail(error)
    }
  }

  /**
   * After every step, not only when idle. An alarm that turns out early costs less than one set
   * anew each time.
   */
  #rearm(): void {
    const deadline = this.#parts.replica.deadline()
    if (deadline === undefined || (this.#alarm !== undefined && this.#alarm.at <= deadline)) return
    this.#alarm?.handle[Symbol.dispose]()
    this.#alarm = { at: deadline, handle: this.#parts.clock.alarm(deadline, () => this.#ring()) }
  }

  #ring(): void {
    this.#alarm = undefined
    if (this.#isStopped) return
    const deadline = this.#parts.replica.deadline()
    if (deadline !== undefined && deadline > this.#parts.clock.now().elapsed) this.#rearm()
    else this.feed({ kind: 'wake' })
  }

  #kick(): void {
    if (this.#isFlushing || this.#isStopped) return
    this.#isFlushing = true
    this.#flush = this.#drain()
  }

  /** Never rejects. */
  async #drain(): Promise<void> {
    const { post } = this.#parts
    try {
      for (let ready = this.#next(); ready !== undefined; ready = this.#next()) {
        if (!this.#serve(ready)) return
        if (ready.writes.length > 0) {
          await this.#write(ready)
          // Closed meanwhile: the write is durable, but nobody is told.
          if (this.#isStopped) return
          this.#parts.stored(ready.writes)
        }
        post(ready.sendAfterStore)
        this.#step({ kind: 'stored', ready: ready.id })
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#isFlushing = false
    }
  }

  #next(): Ready | undefined {
    return this.#isStopped ? undefined : this.#parts.replica.drain()
  }

  /**
   * What needs no write; false when the node has to stop, and then nothing more of this Ready is
   * done.
   */
  #serve(ready: Ready): boolean {
    const { post, answer, read, notice } = this.#parts
    for (const one of ready.notices) notice(one)
    // A fatal notice closes the driver.
    if (this.#isStopped) return false
    post(ready.send)
    if (ready.execute.length > 0) this.#execute(ready.execute)
    for (const one of ready.answers) answer(one)
    for (const one of ready.reads) read(one)
    return !this.#isStopped
  }

  async #write(ready: Ready): Promise<void> {
    const batch = this.#parts.encode(ready.writes)
    try {
      await this.#parts.write(batch)
    } catch (error) {
      throw new WriteFailure(`a write of ${batch.length} mutations failed`, { cause: error })
    }
  }

  #execute(executions: readonly Execution[]): void {
    if (this.#isBlocked) return
    this.#executions.push(...executions)
    if (this.#isExecuting) return
    this.#isExecuting = true
    this.#lane = this.#runLane()
  }

  /** Beside the flush: a slow executor delays no vote. Never rejects. */
  async #runLane(): Promise<void> {
    const { run, clock } = this.#parts
    try {
      let turnEnds = clock.now().elapsed + LANE_TURN_MS
      // The first execution begins after the Ready that asked for it was served as far as it goes.
      await Promise.resolve()
      for (
        let next = this.#executions.shift();
        next !== undefined;
        next = this.#executions.shift()
      ) {
        let result = run(next)
        if (result instanceof Promise) {
          this.#kick()
          result = await result
          turnEnds = clock.now().elapsed + LANE_TURN_MS
        }
        if (this.#isStopped) return
        if (result.kind === 'blocked') {
          this.#isBlocked = true
          this.#executions.length = 0
        }
        this.#step(inputOf(next, result))
        if (clock.now().elapsed < turnEnds) continue
        this.#kick()
        await new Promise<void>((resolve) => clock.soon(resolve))
        turnEnds = clock.now().elapsed + LANE_TURN_MS
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#isExecuting = false
      this.#kick()
    }
  }
}

function inputOf(execution: Execution, result: LaneResult): Input {
  return result.kind === 'executed'
    ? { kind: 'executed', id: execution.id, result: result.executed.result }
    : { kind: 'executionBlocked', id: execution.id, why: result.why }
}
