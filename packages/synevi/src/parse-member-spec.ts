/** The door for members as an embedder names them: in a first list, and in changes. */

import { OptionFields } from './option-fields.ts'
import type { MemberSpec } from './options.ts'

/** What text must look like. */
export interface TextForm {
  readonly pattern: RegExp
  readonly expected: string
}

/** What an id of a node looks like. */
export const NODE_ID: TextForm = {
  pattern: /^[A-Za-z0-9._-]{1,64}$/,
  expected: 'a ULID, or 1 to 64 of A-Z a-z 0-9 . _ -',
}
/** What an address looks like; its meaning is the network's. */
export const ADDRESS: TextForm = {
  pattern: /^[\u0020-\u00ff]{0,255}$/,
  expected: 'an address of at most 255 latin1 characters',
}

/** With nothing but what counts. */
export interface ParsedMemberSpec {
  readonly id: string
  readonly serial: number | undefined
  readonly address: string
}

/** Reads one member; what is wrong is noted. */
export function memberSpecFields(
  fields: OptionFields,
  path: string,
  value: unknown,
): ParsedMemberSpec {
  const spec = fields.object(path, value ?? null, ['id', 'serial', 'address', 'role'])
  if (spec['role'] !== undefined && spec['role'] !== 'voter')
    fields.wrong(`${path}.role`, "'voter'", spec['role'])
  const { serial } = spec
  return {
    id: fields.text(`${path}.id`, spec['id'], NODE_ID),
    serial: serial === undefined ? undefined : serialOf(fields, `${path}.serial`, serial),
    address: fields.text(`${path}.address`, spec['address'], ADDRESS),
  }
}

/** Reads a serial; what is wrong is noted. */
export function serialOf(fields: OptionFields, path: string, value: unknown): number {
  return fields.count(path, value, { byDefault: 0, min: 0, max: 0xffff })
}

/** Of `addMember` and `replaceMember`. Throws `INVALID_ARGUMENT` that names every wrong field. */
export function parseMemberSpec(value: unknown): MemberSpec {
  const fields = new OptionFields()
  const { id, serial, address } = memberSpecFields(fields, 'member', value)
  fields.conclude('change the membership')
  return serial === undefined ? { id, address } : { id, address, serial }
}

/** The id of a member. Throws `INVALID_ARGUMENT`. */
export function parseMemberId(value: unknown): string {
  const fields = new OptionFields()
  const id = fields.text('id', value, NODE_ID)
  fields.conclude('change the membership')
  return id
}
