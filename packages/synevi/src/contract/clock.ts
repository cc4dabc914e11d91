/** The only source of time of a node. */

import type { Millis, Nanos } from '@synevi/accord'

/** Everything in a node that has to do with time comes from here. */
export interface Clock {
  /** `wall` may go back; `elapsed` never does. */
  now(): { readonly wall: Nanos; readonly elapsed: Millis }
  /** Rings once at or after `at` (elapsed), never synchronously; disposed, never. */
  alarm(at: Millis, ring: () => void): Disposable
  /** Calls back after the present turn of the event loop, before any alarm of a later time. */
  soon(run: () => void): void
}
