/** The machine's clock behind the `Clock` contract: the only file of this package that reads it. */

import { millis, nanos, type Millis, type Nanos } from '@synevi/accord'
import type { Clock } from './contract/clock.ts'

/** `setTimeout` takes 32 bits; a later alarm is armed again on the way. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1

/** The wall clock is read in steps of a millisecond; further apart than this, it was set. */
const ANCHOR_SLACK_NANOS = 2_000_000n

/**
 * Time as the machine has it. `wall` follows the system clock, also backwards, with the resolution of the
 * performance counter; `elapsed` counts from the construction of the first clock of the process or before.
 */
export class SystemClock implements Clock {
  #anchorWall = BigInt(Date.now()) * 1_000_000n
  #anchorTicks = process.hrtime.bigint()

  now(): { readonly wall: Nanos; readonly elapsed: Millis } {
    return { wall: this.#wall(), elapsed: elapsed() }
  }

  alarm(at: Millis, ring: () => void): Disposable {
    let timer: ReturnType<typeof setTimeout> | undefined
    const arm = (): void => {
      const waitMs = Math.max(0, Math.min(at - performance.now(), TIMEOUT_MAX_MS))
      timer = setTimeout(() => {
        // A timer may ring a fraction early, and a long one only on the way.
        if (elapsed() < at) arm()
        else ring()
      }, Math.ceil(waitMs))
    }
    arm()
    return { [Symbol.dispose]: () => clearTimeout(timer) }
  }

  soon(run: () => void): void {
    setImmediate(run)
  }

  #wall(): Nanos {
    const system = BigInt(Date.now()) * 1_000_000n
    const ticks = process.hrtime.bigint()
    const counted = this.#anchorWall + (ticks - this.#anchorTicks)
    const apart = counted > system ? counted - system : system - counted
    if (apart <= ANCHOR_SLACK_NANOS) return nanos(counted)
    this.#anchorWall = system
    this.#anchorTicks = ticks
    return nanos(system)
  }
}

function elapsed(): Millis {
  return millis(Math.floor(performance.now()))
}
