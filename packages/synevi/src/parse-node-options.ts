/**
 * The one door for the options of a node: a complete, frozen value, or an error that names every
 * wrong field.
 */

import { randomBytes } from 'node:crypto'
import { nodeSerial, type MemberEntry, type ReorderMode } from '@synevi/accord'
import type { Clock } from './contract/clock.ts'
import type { Executor } from './contract/executor.ts'
import type { Network } from './contract/network.ts'
import { SILENT, type Logger } from './contract/observe.ts'
import type { Store } from './contract/store.ts'
import { nodeLogger } from './observe/node-logger.ts'
import type { Telemetry } from './observe/telemetry.ts'
import { hasMethods, OptionFields, type Fields } from './option-fields.ts'
import type { ParsedOptions } from './options.ts'
import {
  parseLimits,
  parseBatch,
  parseTimeouts,
  parseCluster,
  parseRetain,
  parseScrub,
} from './parse-option-groups.ts'
import {
  ADDRESS,
  memberSpecFields,
  NODE_ID,
  serialOf,
  type ParsedMemberSpec,
} from './parse-member-spec.ts'
import { MemoryStore } from './store/memory-store.ts'
import { SystemClock } from './system-clock.ts'

const MEMBERS_MAX = 7
const MIB = 2 ** 20

const EXECUTOR_NAME = { pattern: /^[a-z0-9-]{1,64}$/, expected: '1 to 64 of a-z 0-9 -' }
const TOP_KEYS = [
  ...[
    'self',
    'network',
    'store',
    'executors',
    'members',
    'join',
    'limits',
    'batch',
    'timeouts',
    'cluster',
    'scrub',
    'retain',
  ],
  ...['features', 'reorder', 'logger', 'telemetry', 'onFatal', 'onNotice', 'clock', 'seed'],
]

/**
 * Throws `INVALID_ARGUMENT` (definite): `details.fields` names every wrong field as `{ path,
 * expected, got }`, among them serials given twice and a list of members that this node is not in.
 */
export function parseNodeOptions(input: unknown): ParsedOptions {
  const fields = new OptionFields()
  const top = fields.object('options', input, TOP_KEYS)
  if (typeof input !== 'object') fields.wrong('options', 'an object', input)
  const join = parseJoin(fields, top)
  const members = parseMembers(fields, top)
  const parts = parseParts(fields, top)
  const executors = fields
    .list('executors', top['executors'])
    .flatMap((value, i) => parseExecutor(fields, value, i))
  checkExecutors(fields, executors)
  const groups = {
    limits: parseLimits(fields, top['limits']),
    batch: parseBatch(fields, top['batch']),
    timeouts: parseTimeouts(fields, top['timeouts']),
    cluster: parseCluster(fields, top['cluster']),
    scrub: parseScrub(fields, top['scrub']),
    retain: parseRetain(fields, top['retain']),
  }
  if (groups.limits.frameMaxBytes < groups.limits.payloadMaxBytes + MIB) {
    const least = groups.limits.payloadMaxBytes + MIB
    fields.wrong(
      'limits.frameMaxBytes',
      `at least payloadMaxBytes + 1 MiB (${least})`,
      groups.limits.frameMaxBytes,
    )
  }
  const features: 'auto' | 'hold' =
    fields.value<'auto' | 'hold'>('features', top['features'], {
      is: isFeatures,
      expected: "'auto' or 'hold'",
      byDefault: 'auto',
    }) ?? 'auto'
  const reorder: ReorderMode =
    fields.value<ReorderMode>('reorder', top['reorder'], {
      is: isReorderMode,
      expected: "'off', 'adaptive' or 'on'",
      byDefault: 'off',
    }) ?? 'off'
  fields.conclude('open a node')
  if (members === undefined || parts === undefined)
    throw new TypeError('a wrong field was not noted')
  const logger = nodeLogger(parts.logger, { node: members.self.id })
  return Object.freeze({
    ...members,
    join,
    ...parts,
    ...groups,
    features,
    reorder,
    logger,
    executors: Object.freeze(executors),
  })
}

function parseJoin(fields: OptionFields, top: Fields): readonly string[] | undefined {
  if (top['join'] === undefined) return undefined
  if (top['members'] !== undefined)
    fields.wrong('join', 'absence where there is `members`: a node starts or joins', 'both')
  const listed = fields.list('join', top['join'])
  if (listed.length === 0) fields.wrong('join', 'at least one address', 'none')
  return Object.freeze(listed.map((value, i) => fields.text(`join[${i}]`, value, ADDRESS)))
}

/** Who this node is, and the members if they are listed; what is wrong is noted in `fields`. */
export function parseMembers(
  fields: OptionFields,
  top: Fields,
): Pick<ParsedOptions, 'self' | 'members'> | undefined {
  const self = fields.object('self', top['self'], ['id', 'serial'])
  const id = fields.text('self.id', self['id'], NODE_ID)
  const serial =
    self['serial'] === undefined
      ? undefined
      : nodeSerial(serialOf(fields, 'self.serial', self['serial']))
  if (top['members'] === undefined)
    return { self: Object.freeze({ id, serial }), members: undefined }
  const members = entriesOf(fields, parseSpecs(fields, top['members']))
  const mine = members.find((entry) => entry.id === id)
  if (mine === undefined) {
    fields.wrong(
      'members',
      `this node (${id}) among them`,
      members.map((entry) => entry.id).join(', '),
    )
    return undefined
  }
  if (serial !== undefined && serial !== mine.serial)
    fields.wrong('self.serial', `${mine.serial}, as in members`, serial)
  return { self: Object.freeze({ id, serial: mine.serial }), members: Object.freeze(members) }
}

/** Without serials, by the order of ids: the order of the list does not matter. */
function entriesOf(
  fields: OptionFields,
  specs: readonly ParsedMemberSpec[],
): readonly MemberEntry[] {
  const stated = specs.filter((spec) => spec.serial !== undefined).length
  if (stated !== 0 && stated !== specs.length) {
    fields.wrong(
      'members',
      'a serial for every member, or for none',
      `${stated} of ${specs.length}`,
    )
  }
  const byId = [...specs].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0))
  const entries = byId.map((spec, i) =>
    Object.freeze({ ...spec, serial: nodeSerial(spec.serial ?? i) }),
  )
  for (const [i, { id }] of entries.entries()) {
    if (id === entries[i - 1]?.id) fields.wrong('members', 'distinct ids', `${id} twice`)
  }
  entries.sort((a, b) => a.serial - b.serial)
  for (const [i, { serial }] of entries.entries()) {
    if (serial === entries[i - 1]?.serial)
      fields.wrong('members', 'distinct serials', `${serial} twice`)
  }
  return entries
}

function parseSpecs(fields: OptionFields, value: unknown): readonly ParsedMemberSpec[] {
  const list = fields.list('members', value)
  if (list.length < 1 || list.length > MEMBERS_MAX)
    fields.wrong('members', `1 to ${MEMBERS_MAX} members`, list.length)
  return list.map((item, i) => memberSpecFields(fields, `members[${i}]`, item))
}

function parseExecutor(fields: OptionFields, value: unknown, i: number): Executor[] {
  const path = `executors[${i}]`
  if (!isExecutor(value)) {
    fields.wrong(path, 'an executor: name, version, handles, execute()', value)
    return []
  }
  const name = fields.text(`${path}.name`, value.name, EXECUTOR_NAME)
  if (name === 'synevi') fields.wrong(`${path}.name`, 'another name; synevi is reserved', name)
  for (const handled of value.handles) {
    if (!handled.startsWith(`${name}/`) || Buffer.byteLength(handled) > 255) {
      fields.wrong(
        `${path}.handles`,
        `names that start with "${name}/", at most 255 bytes`,
        handled,
      )
    }
  }
  return [value]
}

function checkExecutors(fields: OptionFields, executors: readonly Executor[]): void {
  if (executors.length === 0) fields.wrong('executors', 'at least one executor', 'none')
  const names = new Set<string>()
  for (const { name } of executors) {
    if (names.has(name)) fields.wrong('executors', 'distinct names', `${name} twice`)
    names.add(name)
  }
}

type Parts = Pick<
  ParsedOptions,
  'network' | 'store' | 'clock' | 'logger' | 'telemetry' | 'onFatal' | 'onNotice' | 'seed'
>

function parseParts(fields: OptionFields, top: Fields): Parts | undefined {
  const listener = { is: isFunction, expected: 'a function', byDefault: ignore }
  const network = fields.value('network', top['network'], {
    is: isNetwork,
    expected: 'a network: start(), connect(), send(), close()',
    byDefault: undefined,
  })
  const store = fields.value('store', top['store'], {
    is: isStore,
    expected: 'a store: get(), scan(), write(), close()',
    byDefault: new MemoryStore(),
  })
  const clock = fields.value('clock', top['clock'], {
    is: isClock,
    expected: 'a clock: now(), alarm(), soon()',
    byDefault: new SystemClock(),
  })
  const logger = fields.value('logger', top['logger'], {
    is: isLogger,
    expected: 'a logger: debug(), info(), warn(), error()',
    byDefault: SILENT,
  })
  const telemetry = fields.value('telemetry', top['telemetry'], {
    is: isTelemetry,
    expected: 'an object with tracer, meter or both',
    byDefault: {},
  })
  const onFatal = fields.value('onFatal', top['onFatal'], listener)
  const onNotice = fields.value('onNotice', top['onNotice'], listener)
  const seed = fields.value('seed', top['seed'], {
    is: isSeed,
    expected: 'a bigint of 0 or more',
    byDefault: BigInt(`0x${randomBytes(16).toString('hex')}`),
  })
  if (network === undefined || store === undefined || clock === undefined || logger === undefined)
    return undefined
  if (telemetry === undefined || onFatal === undefined || onNotice === undefined) return undefined
  if (seed === undefined) return undefined
  return { network, store, clock, logger, telemetry, onFatal, onNotice, seed }
}

function ignore(): void {}

function isFunction(value: unknown): value is () => void {
  return typeof value === 'function'
}
function isFeatures(value: unknown): value is 'auto' | 'hold' {
  return value === 'auto' || value === 'hold'
}
function isReorderMode(value: unknown): value is ReorderMode {
  return value === 'off' || value === 'adaptive' || value === 'on'
}
function isSeed(value: unknown): value is bigint {
  return typeof value === 'bigint' && value >= 0n
}
function isNetwork(value: unknown): value is Network {
  return hasMethods(value, ['start', 'connect', 'send', 'close'])
}
function isStore(value: unknown): value is Store {
  return hasMethods(value, ['get', 'scan', 'write', 'close'])
}
function isClock(value: unknown): value is Clock {
  return hasMethods(value, ['now', 'alarm', 'soon'])
}
function isLogger(value: unknown): value is Logger {
  return hasMethods(value, ['debug', 'info', 'warn', 'error'])
}
function isTelemetry(value: unknown): value is Telemetry {
  return typeof value === 'object' && value !== null
}
function isExecutor(value: unknown): value is Executor {
  if (!hasMethods(value, ['execute'])) return false
  if (typeof value !== 'object' || value === null) return false
  const { name, version, handles } = namesOf(value)
  if (typeof name !== 'string' || !Number.isSafeInteger(version)) return false
  return Array.isArray(handles) && handles.every((handled) => typeof handled === 'string')
}

/** Own or inherited: an executor may be a class. */
function namesOf(value: object): { name: unknown; version: unknown; handles: unknown } {
  return {
    name: Reflect.get(value, 'name'),
    version: Reflect.get(value, 'version'),
    handles: Reflect.get(value, 'handles'),
  }
}
