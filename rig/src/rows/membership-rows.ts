/** Rows in which members come and go under load (`protocol.md` 10.6). */

import { memberOf, type Cluster } from '../cluster.ts'
import type { Fault, FaultGround } from '../fault.ts'
import type { MemberChange, Membership } from '../orders.ts'
import { anySize, type Row } from '../row.ts'

/** Who stays may not pause for longer; a second is aimed at, on a machine that is not busy. */
const GAP_MAX_MS = 2_000
const CHANGE_MS = 20_000
const PROMOTE_AFTER_MS = 300
const REMOVED = 'MEMBERSHIP_REMOVED'

type Step = (ground: FaultGround) => Fault

const common = {
  fault: undefined,
  plan: () => ({ promoteAfterMs: PROMOTE_AFTER_MS }),
  maySay: [REMOVED],
} as const

/** In the order of the table. */
export const MEMBERSHIP_ROWS: readonly Row[] = [
  ...[3, 5].map((size) => ({
    ...{ ...common, name: 'grow', fits: (wanted: number) => wanted === size, first: () => 1 },
    steps: range(1, size).map((serial) => join(serial)),
  })),
  ...[3, 5].map((size) => ({
    ...{ ...common, name: 'shrink', fits: (wanted: number) => wanted === size },
    steps: range(1, size).map((at) => leave(size - at)),
  })),
  ...[3, 5].map((size) => ({
    ...{ ...common, name: 'replace', fits: (wanted: number) => wanted === size },
    spares: () => 3,
    steps: [
      replace(2, { by: size, how: 'killed' }),
      replace(0, { by: size + 1, how: 'alive' }),
      replace(1, { by: size + 2, how: 'alive' }),
    ],
  })),
  {
    ...{ ...common, name: 'wiped', fits: anySize, spares: () => 1 },
    maySay: [REMOVED, 'AMNESIA'],
    steps: [({ cluster, ...ground }) => wiped({ cluster, ...ground })],
  },
]

/** A new member follows, and gets a vote. */
function join(serial: number): Step {
  return ({ cluster }) => {
    const [via = 0] = cluster.serials
    return {
      ...{ what: `${serial} joins`, survivors: cluster.serials, victims: [serial], lastsMs: 0 },
      gapMaxMs: GAP_MAX_MS,
      begin: async () => {
        await change(cluster, via, { kind: 'add', member: memberOf(serial) })
        await start(cluster, serial, via)
      },
      ineffective: () => lackingVote(cluster, via, serial),
      end: async () => undefined,
      tell: () => tellMembers(cluster, via),
    }
  }
}

/** A member goes, and says why it stopped. */
function leave(serial: number): Step {
  return ({ cluster }) => {
    const rest = cluster.serials.filter((other) => other !== serial)
    const [via = 0] = rest
    return {
      ...{ what: `${serial} is removed`, survivors: rest, victims: [], lastsMs: 1_000 },
      lost: { serials: [serial], code: REMOVED },
      gapMaxMs: GAP_MAX_MS,
      begin: async () => {
        cluster.left(serial)
        cluster.member(serial).expectEnd()
        await change(cluster, via, { kind: 'remove', id: memberOf(serial).id })
      },
      ineffective: async () => {
        const { lastStop } = cluster.member(serial)
        return lastStop?.code === REMOVED ? undefined : `it said ${lastStop?.code ?? 'nothing'}`
      },
      end: async () => undefined,
      tell: () => tellMembers(cluster, via),
    }
  }
}

/** A member's place is taken by a new one, whether it lives or not. */
function replace(old: number, parts: { by: number; how: 'alive' | 'killed' }): Step {
  const { by, how } = parts
  return ({ cluster }) => {
    const rest = cluster.serials.filter((other) => other !== old)
    const [via = 0] = rest
    const member = cluster.member(old)
    return {
      ...{ what: `${old}, ${how}, is replaced by ${by}`, survivors: rest, victims: [by] },
      ...{ lost: { serials: [old], code: REMOVED }, gapMaxMs: GAP_MAX_MS, lastsMs: 1_000 },
      begin: async () => {
        cluster.left(old)
        if (how === 'killed') await member.kill()
        else member.expectEnd()
        await takeOver(cluster, { old, by, via })
      },
      ineffective: async () => {
        const lacking = await lackingVote(cluster, via, by)
        const { lastStop } = member
        if (lacking !== undefined || how === 'killed' || lastStop?.code === REMOVED) return lacking
        return `${old} said ${lastStop?.code ?? 'nothing'}`
      },
      end: async () => undefined,
      tell: () => tellMembers(cluster, via),
    }
  }
}

/** A member's data is lost: its old identity is refused, and a new one takes its place. */
function wiped({ cluster, random }: FaultGround): Fault {
  const [old = 0, ...rest] = random.shuffle(cluster.serials)
  const [via = 0] = rest
  const by = cluster.members.length - 1
  let said = 'nothing'
  return {
    ...{
      what: `the disk of ${old} is lost, ${by} takes its place`,
      survivors: rest,
      victims: [by],
    },
    ...{ lost: { serials: [old], code: 'AMNESIA' }, gapMaxMs: GAP_MAX_MS, lastsMs: 0 },
    begin: async () => {
      cluster.left(old)
      await cluster.member(old).kill()
      cluster.wipe(old)
      const start = await cluster.member(old).start({ mayStop: true })
      said = start.kind === 'stopped' ? start.failure.code : start.kind
      await takeOver(cluster, { old, by, via })
    },
    ineffective: async () =>
      said === 'AMNESIA' ? lackingVote(cluster, via, by) : `the wiped member said ${said}`,
    end: async () => undefined,
    tell: () => tellMembers(cluster, via),
  }
}

async function takeOver(
  cluster: Cluster,
  parts: { readonly old: number; readonly by: number; readonly via: number },
): Promise<void> {
  const { old, by, via } = parts
  await change(cluster, via, { kind: 'replace', old: memberOf(old).id, member: memberOf(by) })
  await start(cluster, by, via)
}

/** Again while the outcome is unknown: the second time it finds its own effect. */
async function change(cluster: Cluster, via: number, wanted: MemberChange): Promise<void> {
  const question = { kind: 'change', change: wanted, timeoutMs: CHANGE_MS } as const
  await cluster.ask(via, question, 'members', CHANGE_MS + 1_000)
}

/** Resolves once it votes. */
async function start(cluster: Cluster, serial: number, via: number): Promise<void> {
  const member = cluster.member(serial)
  member.replan({ join: [cluster.addresses.get(via) ?? ''] })
  const began = performance.now()
  const started = await member.start()
  const ms = Math.round(performance.now() - began)
  if (started.kind !== 'ready')
    throw new Error(`${serial} did not join: ${JSON.stringify(started)}`)
  cluster.note(cluster.clock.now, `${serial} votes ${ms} ms after its start`)
  cluster.joined(serial)
}

async function membersAt(cluster: Cluster, via: number): Promise<Membership> {
  return (await cluster.ask(via, { kind: 'members' }, 'members')).membership
}

async function lackingVote(
  cluster: Cluster,
  via: number,
  serial: number,
): Promise<string | undefined> {
  const { members } = await membersAt(cluster, via)
  const role = members.find((member) => member.serial === serial)?.role ?? 'no member'
  return role === 'voter' ? undefined : `${serial} is ${role}`
}

async function tellMembers(
  cluster: Cluster,
  via: number,
): Promise<{ readonly said: string; readonly failures: readonly string[] }> {
  const { epoch, members } = await membersAt(cluster, via)
  const serials = members.map(({ serial }) => serial)
  const wanted = [...cluster.serials].sort((a, b) => a - b)
  const isAsWanted = serials.join() === wanted.join()
  return {
    said: `epoch ${epoch}, members ${serials.join()}`,
    failures: isAsWanted ? [] : [`members are ${serials.join()}, not ${wanted.join()}`],
  }
}

function range(from: number, until: number): readonly number[] {
  return Array.from({ length: until - from }, (_, i) => from + i)
}
