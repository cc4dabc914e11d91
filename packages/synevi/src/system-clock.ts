/** The machine's clock behind the `Clock` contract: the only file of this package that reads it. */

import { millis, nanos, type Millis, type Nanos } from '@synevi/accord'
import type { Clock } from './contract/clock.ts'

/** `setTimeout` takes 32 bits; a later alarm is armed again on the way. */
const TIMEOUT_MAX_MS = 2 ** 31 - 1

/** The wall clock is read in steps of a millisecond; further apart than this, it was set. */
const ANCHOR_SLACK_MS = 2

/**
 * Time as the machine has it. `wall` follows the system clock, also backwards, with the resolution
 * of the performance counter; `elapsed` counts from the construction of the first clock of the
 * process or before.
 */
export class SystemClock implements Clock {
  #anchorWallMs = Date.now()
  #anchorElapsedMs = performance.now()

  now(): { readonly wall: Nanos; readonly elapsed: Millis } {
    const elapsedMs = performance.now()
    return { wall: this.#wall(elapsedMs), elapsed: millis(Math.floor(elapsedMs)) }
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

  /** In steps of a microsecond: a thousandth of what the system clock shows. */
  #wall(elapsedMs: number): Nanos {
    const systemMs = Date.now()
    let wallMs = this.#anchorWallMs + (elapsedMs - this.#anchorElapsedMs)
    if (Math.abs(wallMs - systemMs) > ANCHOR_SLACK_MS) {
      this.#anchorWallMs = systemMs
      this.#anchorElapsedMs = elapsedMs
      wallMs = systemMs
    }
    return nanos(BigInt(Math.floor(wallMs * 1_000)) * 1_000n)
  }
}

function elapsed(): Millis {
  return millis(Math.floor(performance.now()))
}
