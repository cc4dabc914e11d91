/** Whom the liveness phase heals. */

import { type Plan, majorityOf } from './fault/plan.ts'
import type { Prng } from './prng.ts'
import type { Machine } from './world/machine.ts'

/**
 * A majority that is healed in the liveness phase: random, of those that nothing for good may
 * happen to.
 */
export function chooseMajority(
  random: Prng,
  machines: readonly Machine[],
  plan: Plan,
): readonly number[] {
  const whole = machines.filter(({ serial }) => {
    const own = plan.machines[serial]
    return own === undefined || !(own.mayBeLost && (own.badClock || isLost(machines[serial])))
  })
  return random
    .shuffle(whole.map(({ serial }) => serial))
    .slice(0, majorityOf(machines.length))
    .sort((a, b) => a - b)
}

function isLost(machine: Machine | undefined): boolean {
  if (machine === undefined || machine.state === 'lost') return true
  return machine.wiped || machine.differs || machine.damaged
}
