/** The rows of the nemesis table: which fault, at which sizes of a cluster. */

import {
  cut,
  delay,
  flap,
  kill,
  minorityOf,
  oneWay,
  pause,
  silence,
  wipe,
  type Fault,
  type FaultGround,
} from './fault.ts'

/** One row. */
export interface Row {
  readonly name: string
  /** Whether it says something else than the other rows at this size. */
  readonly fits: (size: number) => boolean
  /** Undefined: a run without a fault. */
  readonly fault: ((ground: FaultGround) => Fault) | undefined
  /** Can come only once in a run. */
  readonly once?: boolean
}

const anySize = (): boolean => true
const minorityAboveOne = (size: number): boolean => minorityOf(size) > 1
const sizeOf = ({ cluster }: FaultGround): number => cluster.members.length

/** In the order of the table. */
export const ROWS: readonly Row[] = [
  { name: 'calm', fits: anySize, fault: undefined },
  { name: 'kill-one', fits: anySize, fault: (ground) => kill(ground, 1) },
  {
    name: 'kill-minority',
    fits: minorityAboveOne,
    fault: (ground) => kill(ground, minorityOf(sizeOf(ground))),
  },
  { name: 'kill-all', fits: anySize, fault: (ground) => kill(ground, sizeOf(ground)) },
  { name: 'pause-one', fits: anySize, fault: (ground) => pause(ground, 1) },
  {
    name: 'pause-minority',
    fits: minorityAboveOne,
    fault: (ground) => pause(ground, minorityOf(sizeOf(ground))),
  },
  { name: 'cut-one', fits: anySize, fault: (ground) => cut(ground, 1) },
  { name: 'mute-one', fits: anySize, fault: (ground) => oneWay(ground, 'mute') },
  { name: 'deaf-one', fits: anySize, fault: (ground) => oneWay(ground, 'deaf') },
  {
    name: 'halves',
    fits: minorityAboveOne,
    fault: (ground) => cut(ground, minorityOf(sizeOf(ground))),
  },
  { name: 'silence', fits: anySize, fault: silence },
  {
    name: 'delay',
    fits: anySize,
    fault: (ground) => delay(ground, { delayMs: 75, jitterMs: 50 }),
  },
  { name: 'flap', fits: anySize, fault: (ground) => flap(ground, 100) },
  { name: 'wipe', fits: anySize, fault: wipe, once: true },
]
