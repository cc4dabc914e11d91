/**
 * A rolling upgrade under load: every member from the release before to this version, back, forward
 * again, and then for good (`docs/reference/upgrades.md`).
 */

import type { Cluster } from '../cluster.ts'
import { start, type Fault, type FaultGround } from '../fault.ts'
import { sleep } from '../monotonic.ts'
import type { MemberPlan } from '../orders.ts'
import { unpackRelease } from '../release.ts'
import type { Row } from '../row.ts'

/** The release before. */
const BEFORE = '0.1.0'
const CLOSE_MS = 10_000
const SWITCH_MS = 5_000

/** What every member can use once all have it. */
const FEATURES: readonly string[] = ['floors', 'reads', 'epochs', 'snapshots']

type Version = 'before' | 'this'

/** In the order of the table. */
export const UPGRADE_ROWS: readonly Row[] = [
  {
    name: 'upgrade',
    fits: (size) => size === 3,
    fault: undefined,
    plan: () => planOf('before'),
    steps: [
      ...[restart(0, 'this'), restart(1, 'this', 'kill'), restart(2, 'this')],
      ...[restart(2, 'before', 'kill'), restart(0, 'before')],
      ...[restart(0, 'this'), restart(2, 'this', 'kill')],
      ...[finish(1), finish(0), finish(2)],
      refusal(1),
    ],
  },
]

type Step = (ground: FaultGround) => Fault

/** This version holds its features back: so every member can go back. */
function planOf(version: Version): Partial<MemberPlan> {
  return version === 'this'
    ? { program: undefined, features: 'hold' }
    : { program: unpackRelease(BEFORE).member, features: undefined }
}

/** It closes or dies, and comes back as that version, with the same store. */
function restart(serial: number, to: Version, how: 'close' | 'kill' = 'close'): Step {
  return ({ cluster }) => {
    const member = cluster.member(serial)
    const verb = how === 'close' ? 'closes' : 'is killed'
    return {
      what: `${serial} ${verb}, restarts as ${to === 'this' ? 'this version' : BEFORE}`,
      ...{ victims: [serial], survivors: others(cluster, serial), lastsMs: 0 },
      begin: () => (how === 'close' ? member.close(CLOSE_MS) : member.kill()),
      ineffective: async () => (member.pid === undefined ? undefined : 'still there'),
      end: async () => {
        member.replan(planOf(to))
        start(cluster, [serial])
      },
      tell: async () => tellOf(cluster, []),
    }
  }
}

/** Its operator holds nothing back any longer. */
function finish(serial: number): Step {
  return ({ cluster }) => ({
    what: `${serial} holds nothing back`,
    ...{ victims: [], survivors: cluster.serials, lastsMs: 0 },
    begin: async () => {
      await cluster.ask(serial, { kind: 'finishUpgrade' }, 'position')
      const { plan } = cluster.member(serial)
      cluster.member(serial).replan({ ...plan, features: undefined })
    },
    ineffective: async () => undefined,
    end: async () => undefined,
    tell: async () => {
      const isLast = cluster.members.every(({ plan }) => plan.features === undefined)
      return tellOf(cluster, isLast ? FEATURES : [])
    },
  })
}

/** The release before finds a store that it must not open, and says so. */
function refusal(serial: number): Step {
  return ({ cluster }) => {
    const member = cluster.member(serial)
    let said = 'nothing'
    return {
      what: `${serial} restarts as ${BEFORE}, is refused, and comes back`,
      ...{ victims: [serial], survivors: others(cluster, serial), lastsMs: 0 },
      begin: async () => {
        await member.close(CLOSE_MS)
        member.replan(planOf('before'))
        const begun = await member.start({ mayStop: true })
        said = begun.kind === 'stopped' ? begun.failure.code : begun.kind
      },
      ineffective: async () =>
        said === 'INCOMPATIBLE_VERSION' ? undefined : `${BEFORE} said ${said}`,
      end: async () => {
        await member.kill()
        member.replan({ program: undefined, features: undefined })
        start(cluster, [serial])
      },
      tell: async () => tellOf(cluster, FEATURES),
    }
  }
}

function others(cluster: Cluster, serial: number): readonly number[] {
  return cluster.serials.filter((one) => one !== serial)
}

/** Which version each member is, and what is in use: that, and nothing else, everywhere. */
async function tellOf(cluster: Cluster, expected: readonly string[]): Promise<Told> {
  const ends = performance.now() + SWITCH_MS
  const wanted = expected.join()
  let used = await featuresOf(cluster)
  while (used.some((each) => each !== wanted) && performance.now() < ends) {
    // What is used too early stays in use: waiting does not hide it.
    if (wanted === '') break
    await sleep(20)
    used = await featuresOf(cluster)
  }
  const versions = cluster.members.map(({ plan }) => (plan.program === undefined ? 'this' : BEFORE))
  const failures = used.flatMap((each, serial) =>
    each === wanted ? [] : [`${serial} uses ${each || 'nothing'}, not ${wanted || 'nothing'}`],
  )
  return { said: `versions ${versions.join(' ')}, in use: ${used[0] || 'nothing'}`, failures }
}

interface Told {
  readonly said: string
  readonly failures: readonly string[]
}

/** A member of the release before says nothing of features. */
async function featuresOf(cluster: Cluster): Promise<readonly string[]> {
  const conditions = await Promise.all(cluster.serials.map((serial) => cluster.condition(serial)))
  return conditions.map(({ features }) => features?.join() ?? '')
}
