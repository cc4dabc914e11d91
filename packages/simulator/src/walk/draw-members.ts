/** Whom an operator wants as members next. */

import type { MemberEntry } from '@synevi/accord'
import type { CoreWorld } from '../core-world/core-world.ts'
import type { Prng } from '../prng.ts'

/**
 * Some of those there are, as a member sees it, and of those that never were; learners among them.
 * Undefined when the node is no member that runs, or nobody would vote.
 */
export function drawMembers(
  world: CoreWorld,
  node: number,
  chance: Prng,
): readonly MemberEntry[] | undefined {
  const open = world.node(node).status()?.configuration
  if (open === undefined || !open.members.some(({ serial }) => serial === node)) return undefined
  const members: MemberEntry[] = []
  const keeps = chance.pick([0.3, 0.7, 1])
  const joins = chance.pick([0.3, 1])
  for (const { serial } of world.nodes) {
    const entry = open.members.find((member) => member.serial === serial)
    if (entry === undefined && serial <= open.highestSerial) continue
    if (!chance.chance(entry === undefined ? joins : keeps)) continue
    const role = chance.chance(0.2) ? 'learner' : 'voter'
    members.push({ serial, id: `n${serial}`, address: '', role })
  }
  return members.some(({ role }) => role === 'voter') ? members : undefined
}
