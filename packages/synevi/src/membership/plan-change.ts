/**
 * What a wanted change makes of the open configuration. Each plan is idempotent: where the
 * configuration is already as wanted, there is nothing to do, so that a caller who was not told the
 * outcome may ask again.
 */

import { isVoter, nodeSerial, type MemberEntry, type NodeSerial } from '@synevi/accord'
import type { MemberSpec } from '../options.ts'
import { SyneviError } from '../synevi-error.ts'
import type { Roster } from './roster.ts'

/** Voters of one epoch. */
const VOTERS_MAX = 7
const SERIAL_MAX = 0xffff

/** What to do. */
export type Plan =
  | { readonly kind: 'done' }
  /** The members of the next epoch. */
  | { readonly kind: 'change'; readonly members: readonly MemberEntry[] }

/**
 * Adds a learner, which becomes a voter once it has caught up. Throws, definite: `INVALID_ARGUMENT`
 * for an id that is a member at another address or under another serial, and for an eighth voter;
 * `SERIAL_TAKEN` for a serial that was given before.
 */
export function planAdd(roster: Roster, spec: MemberSpec): Plan {
  const found = roster.entryOf(spec.id)
  if (found !== undefined) return same(found, spec)
  return { kind: 'change', members: [...roster.members, newcomer(roster, spec)] }
}

/**
 * Takes a member out, voter or learner. One that is not there is out. Throws `MEMBERSHIP_UNSAFE`
 * for the last voter.
 */
export function planRemove(roster: Roster, id: string): Plan {
  const old = roster.entryOf(id)
  if (old === undefined) return { kind: 'done' }
  const members = roster.members
    .filter(({ serial }) => serial !== old.serial)
    .map((member) => withoutPlaceOf(member, old.serial))
  if (!members.some(isVoter))
    throw refusal('MEMBERSHIP_UNSAFE', `cannot remove ${id}: it is the last voter`)
  return { kind: 'change', members }
}

/**
 * Adds a learner that takes the place of a member: the old one goes in the change that makes the
 * new one a voter. Throws as {@link planAdd}; `MEMBERSHIP_UNKNOWN` when neither is there;
 * `MEMBERSHIP_BUSY` when another one is to take that place.
 */
export function planReplace(roster: Roster, oldId: string, spec: MemberSpec): Plan {
  const [old, found] = [roster.entryOf(oldId), roster.entryOf(spec.id)]
  if (oldId === spec.id)
    throw refusal('INVALID_ARGUMENT', `cannot replace ${oldId} by itself: give it a new id`)
  if (old === undefined) {
    if (found !== undefined) return same(found, spec)
    throw refusal('MEMBERSHIP_UNKNOWN', `cannot replace ${oldId}: it is no member`)
  }
  const rival = roster.members.find(({ replaces }) => replaces === old.serial)
  if (rival !== undefined && rival.id !== spec.id)
    throw refusal('MEMBERSHIP_BUSY', `cannot replace ${oldId}: ${rival.id} is about to`)
  if (found !== undefined) {
    if (rival !== undefined) return same(found, spec)
    throw refusal('INVALID_ARGUMENT', `cannot replace ${oldId} by ${spec.id}: it is a member`)
  }
  const fresh = newcomer(roster, spec, old.serial)
  // A learner has no vote to hand over: it just goes.
  if (isVoter(old)) return { kind: 'change', members: [...roster.members, fresh] }
  const others = roster.members.filter(({ serial }) => serial !== old.serial)
  const { replaces: _, ...alone } = fresh
  const inherited = old.replaces === undefined ? alone : { ...alone, replaces: old.replaces }
  return { kind: 'change', members: [...others, inherited] }
}

function same(found: MemberEntry, spec: MemberSpec): Plan {
  if (found.address === spec.address && (spec.serial ?? found.serial) === found.serial)
    return { kind: 'done' }
  const is = `serial ${found.serial} at ${JSON.stringify(found.address)}`
  throw refusal('INVALID_ARGUMENT', `cannot add ${spec.id}: it is a member already, ${is}`)
}

function newcomer(roster: Roster, spec: MemberSpec, replaces?: NodeSerial): MemberEntry {
  const { highestSerial } = roster.open
  const serial = spec.serial ?? highestSerial + 1
  if (serial <= highestSerial) {
    const why = `serial ${serial} was given before: ${highestSerial + 1} is the next free one`
    throw refusal('SERIAL_TAKEN', `cannot add ${spec.id}: ${why}`)
  }
  if (serial > SERIAL_MAX) throw refusal('SERIAL_TAKEN', 'all serials of this cluster are used up')
  const lasting = roster.members.filter((member) => member.replaces === undefined).length
  if (replaces === undefined && lasting >= VOTERS_MAX)
    throw refusal('INVALID_ARGUMENT', `cannot add ${spec.id}: a cluster has at most 7 voters`)
  const { id, address } = spec
  const entry: MemberEntry = { serial: nodeSerial(serial), id, address, role: 'learner' }
  return replaces === undefined ? entry : { ...entry, replaces }
}

function withoutPlaceOf(member: MemberEntry, gone: NodeSerial): MemberEntry {
  if (member.replaces !== gone) return member
  const { replaces: _, ...rest } = member
  return rest
}

function refusal(
  code:
    | 'INVALID_ARGUMENT'
    | 'SERIAL_TAKEN'
    | 'MEMBERSHIP_UNKNOWN'
    | 'MEMBERSHIP_BUSY'
    | 'MEMBERSHIP_UNSAFE',
  why: string,
): SyneviError {
  return new SyneviError(code, why, { definite: true })
}
