/**
 * Requests that wait become one transaction (`protocol.md` 12). The batcher sees callers on one
 * side, and on the other a `submit` and what became of it; it knows nothing of consensus.
 */

import { invariant, millis, type Bytes, type SubmissionId } from '@synevi/accord'
import type { Clock } from './contract/clock.ts'
import { Deadlines } from './deadlines.ts'
import type { RequestOutcome } from './drive/outcome.ts'
import type { Complete } from './options.ts'
import type { Patience } from './read/waits.ts'
import { RequestQueue } from './request-queue.ts'
import { encodeBatch, requestBytes, type Request } from './request.ts'
import type { SeededRandom } from './seeded-random.ts'
import { SyneviError, type SyneviErrorCode } from './synevi-error.ts'

/** Own unanswered transactions at most, as the core bounds its own undecided ones. */
const BATCHES_MAX = 64
const BACKOFF_MS = 10
const BACKOFF_MAX_MS = 1_000
const FORGOTTEN = 'it may have been applied, its outcome is no longer known here'

/** What a batcher works with. */
export interface BatcherParts {
  readonly clock: Clock
  readonly random: SeededRandom
  readonly limits: Complete<'limits'>
  readonly batch: Complete<'batch'>
  /** Orders a batch. Answered later by exactly one of `settle`, `invalidated`, `refused`. */
  readonly submit: (submission: SubmissionId, payload: Bytes) => void
  /** What may be the reason that transactions do not succeed, for messages. */
  readonly suspicion: () => string | undefined
}

/** Why a request waits to be submitted again: definite, for it never happened. */
type Setback = 'INVALIDATED' | 'OVERLOADED'

interface Entry {
  readonly request: Request
  readonly bytes: number
  readonly patience: Patience
  readonly resolve: (outcome: RequestOutcome) => void
  readonly reject: (error: SyneviError) => void
  readonly onAbort: () => void
  state: 'queued' | 'inFlight' | 'backingOff' | 'answered'
  setback: Setback | undefined
  attempts: number
}

interface Batch {
  readonly entries: readonly Entry[]
  decided: boolean
}

/** A queue with limits before transactions with limits. Every request is answered exactly once. */
export class Batcher {
  readonly #parts: BatcherParts
  readonly #deadlines: Deadlines<Entry>
  readonly #queue = new RequestQueue<Entry>()
  readonly #batches = new Map<SubmissionId, Batch>()
  #undecided = 0
  #inFlight = 0
  readonly #backingOff = new Set<Entry>()
  #retries = new Set<Disposable>()
  #nextSubmission = 1
  #willFlush = false
  #linger: Disposable | undefined
  #refusal: (() => SyneviError) | undefined
  #idle: (() => void)[] = []

  constructor(parts: BatcherParts) {
    this.#parts = parts
    this.#deadlines = new Deadlines(parts.clock, (entry) => this.#giveUp(entry, 'TIMEOUT'))
  }

  /** Requests in unanswered transactions, and requests that wait for one (again). */
  counts(): { readonly inFlight: number; readonly queued: number } {
    return { inFlight: this.#inFlight, queued: this.#queue.size + this.#backingOff.size }
  }

  /**
   * Resolves with what became of the request. Rejects, definite, with `OVERLOADED`,
   * `PAYLOAD_TOO_LARGE`, `INVALIDATED`, `NOT_READY`; with `TIMEOUT` or `CANCELLED`, definite until
   * its batch closed.
   */
  add(request: Request, patience: Patience): Promise<RequestOutcome> {
    const bytes = requestBytes(request)
    const refusal = this.#refusalOf(request, bytes, patience)
    if (refusal !== undefined) return Promise.reject(refusal)
    return new Promise((resolve, reject) => {
      const entry: Entry = {
        ...{
          request,
          bytes,
          patience,
          resolve,
          reject,
          onAbort: () => this.#giveUp(entry, 'CANCELLED'),
        },
        ...{ state: 'queued', setback: undefined, attempts: 0 },
      }
      patience.signal?.addEventListener('abort', entry.onAbort, { once: true })
      this.#deadlines.set(entry, patience.deadline)
      this.#queue.add(entry)
      this.#schedule()
    })
  }

  /** The core decided it: the next batch may close, though callers wait on for its execution. */
  decided(submission: SubmissionId): void {
    const batch = this.#batches.get(submission)
    if (batch === undefined || batch.decided) return
    batch.decided = true
    this.#undecided--
    if (this.#queue.size > 0) this.#flushSoon()
  }

  /**
   * It was executed and is durable here: each caller gets its own outcome, in order. Undefined: its
   * effect is in the state, but what became of it is no longer known here.
   */
  settle(submission: SubmissionId, outcomes: readonly (RequestOutcome | undefined)[]): void {
    const entries = this.#end(submission)
    if (entries === undefined) return
    invariant(
      entries.length === outcomes.length,
      'an execution has one outcome for each request of its batch',
    )
    for (const [i, entry] of entries.entries()) {
      const outcome = outcomes[i]
      if (outcome === undefined)
        this.#fail(entry, { code: 'TIMEOUT', why: FORGOTTEN, definite: false })
      else if (this.#answer(entry)) entry.resolve(outcome)
    }
    this.#wakeIdle()
  }

  /** It never happened and never will: those who still wait are submitted again. */
  invalidated(submission: SubmissionId): void {
    this.#submitAgain(this.#end(submission) ?? [], 'INVALIDATED')
  }

  /** The core made no transaction of it. */
  refused(submission: SubmissionId, reason: 'busy' | 'notReady' | 'stopped'): void {
    const entries = this.#end(submission) ?? []
    if (reason === 'busy') {
      this.#submitAgain(entries, 'OVERLOADED')
      return
    }
    for (const entry of entries)
      this.#fail(entry, { code: 'NOT_READY', why: 'this node does not serve yet', definite: true })
    this.#wakeIdle()
  }

  /** The requests of an unanswered submission, in order. */
  requestsOf(submission: SubmissionId): readonly Request[] {
    return this.#batches.get(submission)?.entries.map((entry) => entry.request) ?? []
  }

  /** From now on nothing is taken in; what was is carried on. */
  refuseWith(refusal: () => SyneviError): void {
    this.#refusal = refusal
  }

  /**
   * Answers everyone with this error and stops. `isDefinite`: whether the request was never part of
   * a transaction.
   */
  stop(error: (isDefinite: boolean) => SyneviError): void {
    this.#refusal ??= () => error(true)
    const waiting = [...this.#queue.clear(), ...this.#backingOff]
    const flying = [...this.#batches.values()].flatMap((batch) => batch.entries)
    this.#backingOff.clear()
    this.#batches.clear()
    this.#inFlight = this.#undecided = 0
    for (const retry of this.#retries) retry[Symbol.dispose]()
    this.#retries.clear()
    this.#linger?.[Symbol.dispose]()
    for (const entry of waiting) if (this.#answer(entry)) entry.reject(error(true))
    for (const entry of flying) if (this.#answer(entry)) entry.reject(error(false))
    this.#deadlines.close()
    this.#wakeIdle()
  }

  /** After {@link stop}: takes requests in again. */
  resume(): void {
    this.#refusal = undefined
  }

  /** Resolves when nothing waits or flies. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve)
      this.#wakeIdle()
    })
  }

  #refusalOf(request: Request, bytes: number, patience: Patience): SyneviError | undefined {
    const { limits, clock } = this.#parts
    if (this.#refusal !== undefined) return this.#refusal()
    if (bytes > limits.payloadMaxBytes) {
      const { payloadMaxBytes } = limits
      const why = `${bytes} bytes with its name, above payloadMaxBytes (${payloadMaxBytes})`
      return failure(request, { code: 'PAYLOAD_TOO_LARGE', why, definite: true })
    }
    if (patience.signal?.aborted === true) {
      return failure(request, {
        code: 'CANCELLED',
        why: 'its signal had been aborted',
        definite: true,
      })
    }
    if (patience.deadline <= clock.now().elapsed) {
      return failure(request, { code: 'TIMEOUT', why: 'its deadline had passed', definite: true })
    }
    // A barrier serves many waiting reads with one small request.
    if (request.name.startsWith('synevi/')) return undefined
    if (this.#queue.size >= limits.queuedMax && !this.#hasPlace()) {
      return failure(request, {
        code: 'OVERLOADED',
        why: `${this.#queue.size} requests wait already`,
        definite: true,
      })
    }
    if (this.#queue.size > 0 && this.#queue.bytes + bytes > limits.queuedMaxBytes) {
      return failure(request, {
        code: 'OVERLOADED',
        why: `${this.#queue.bytes} bytes wait already`,
        definite: true,
      })
    }
    return undefined
  }

  /** Whether a batch may close as soon as it has something in it. */
  #hasPlace(): boolean {
    const { limits, batch } = this.#parts
    if (this.#batches.size >= BATCHES_MAX || this.#inFlight >= limits.transactionsInFlightMax)
      return false
    return (
      this.#undecided < batch.undecidedMax &&
      this.#inFlight + this.#queue.size < limits.transactionsInFlightMax
    )
  }

  #isFull(): boolean {
    const { requestsMax, bytesMax } = this.#parts.batch
    return this.#queue.size >= requestsMax || this.#queue.bytes >= bytesMax
  }

  #mayClose(): boolean {
    const { limits, batch } = this.#parts
    if (this.#queue.size === 0 || this.#batches.size >= BATCHES_MAX) return false
    if (this.#inFlight >= limits.transactionsInFlightMax) return false
    return this.#undecided < batch.undecidedMax || this.#isFull()
  }

  #schedule(): void {
    if (this.#willFlush || !this.#mayClose()) return
    const { lingerMs } = this.#parts.batch
    if (lingerMs === 0 || this.#isFull()) {
      this.#flushSoon()
    } else if (this.#linger === undefined) {
      const { clock } = this.#parts
      this.#linger = clock.alarm(millis(clock.now().elapsed + lingerMs), () => this.#flush())
    }
  }

  #flushSoon(): void {
    if (this.#willFlush) return
    this.#willFlush = true
    this.#parts.clock.soon(() => this.#flush())
  }

  #flush(): void {
    this.#willFlush = false
    this.#linger?.[Symbol.dispose]()
    this.#linger = undefined
    while (this.#mayClose()) this.#close(this.#take())
  }

  #take(): readonly Entry[] {
    const { limits, batch } = this.#parts
    const count = Math.min(batch.requestsMax, limits.transactionsInFlightMax - this.#inFlight)
    return this.#queue.take({ count, bytes: batch.bytesMax })
  }

  #close(entries: readonly Entry[]): void {
    // The only place that gives the brand: the number is never used twice.
    const submission = this.#nextSubmission++ as SubmissionId
    for (const entry of entries) entry.state = 'inFlight'
    this.#batches.set(submission, { entries, decided: false })
    this.#undecided++
    this.#inFlight += entries.length
    this.#parts.submit(submission, encodeBatch(entries.map((entry) => entry.request)))
  }

  /** The batch is answered; undefined when it was already. */
  #end(submission: SubmissionId): readonly Entry[] | undefined {
    const batch = this.#batches.get(submission)
    if (batch === undefined) return undefined
    this.#batches.delete(submission)
    if (!batch.decided) this.#undecided--
    this.#inFlight -= batch.entries.length
    if (this.#queue.size > 0) this.#flushSoon()
    return batch.entries
  }

  #submitAgain(entries: readonly Entry[], setback: Setback): void {
    const { clock, random } = this.#parts
    const alive = entries.filter((entry) => entry.state === 'inFlight')
    let attempts = 0
    for (const entry of alive) {
      entry.state = 'backingOff'
      entry.setback = setback
      attempts = Math.max(attempts, entry.attempts++)
      this.#backingOff.add(entry)
    }
    if (alive.length > 0) {
      const waitMs = Math.min(BACKOFF_MS * 2 ** attempts, BACKOFF_MAX_MS) * (1 + random.float())
      const retry = clock.alarm(millis(clock.now().elapsed + Math.ceil(waitMs)), () => {
        this.#retries.delete(retry)
        this.#requeue(alive)
      })
      this.#retries.add(retry)
    }
    this.#wakeIdle()
  }

  #requeue(entries: readonly Entry[]): void {
    const again = entries.filter((entry) => this.#backingOff.delete(entry))
    for (const entry of again) entry.state = 'queued'
    this.#queue.addInFront(again)
    if (this.#queue.size > 0) this.#flushSoon()
  }

  /** The caller waits no longer. What is in flight goes on without it. */
  #giveUp(entry: Entry, code: 'TIMEOUT' | 'CANCELLED'): void {
    const state = entry.state
    this.#queue.delete(entry)
    this.#backingOff.delete(entry)
    const isDefinite = state !== 'inFlight'
    const hint = this.#parts.suspicion()
    const because = hint === undefined ? '' : `; ${hint}`
    const what = code === 'TIMEOUT' ? 'its deadline passed' : 'it was aborted'
    if (code === 'TIMEOUT' && isDefinite && entry.setback !== undefined) {
      const why =
        entry.setback === 'INVALIDATED'
          ? 'recovery ruled it out'
          : 'this node had too much undecided'
      this.#fail(entry, {
        code: entry.setback,
        why: `${why}, and ${what}${because}`,
        definite: true,
      })
    } else {
      const where = isDefinite
        ? 'while it waited'
        : 'and its outcome is unknown: ask again with the same id'
      this.#fail(entry, { code, why: `${what} ${where}${because}`, definite: isDefinite })
    }
    this.#wakeIdle()
  }

  #fail(entry: Entry, fields: Failure): void {
    if (this.#answer(entry)) entry.reject(failure(entry.request, fields))
  }

  /** Whether it is ours to answer; from now on it is answered. */
  #answer(entry: Entry): boolean {
    if (entry.state === 'answered') return false
    entry.state = 'answered'
    entry.patience.signal?.removeEventListener('abort', entry.onAbort)
    this.#deadlines.clear(entry, entry.patience.deadline)
    return true
  }

  #wakeIdle(): void {
    if (this.#queue.size + this.#backingOff.size + this.#batches.size > 0) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}

interface Failure {
  readonly code: SyneviErrorCode
  readonly why: string
  readonly definite: boolean
}

function failure(request: Request, { code, why, definite }: Failure): SyneviError {
  const retryable = code !== 'PAYLOAD_TOO_LARGE'
  return new SyneviError(code, `cannot submit ${request.name}: ${why}`, { definite, retryable })
}
