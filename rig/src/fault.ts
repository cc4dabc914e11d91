/** Faults as the rig makes them: begun, confirmed by their effect, ended. */

import type { Prng } from '@synevi/simulator'
import type { Cluster } from './cluster.ts'
import type { ProxyLink } from './tcp-proxy.ts'

/** One fault, at certain members of a running cluster. */
export interface Fault {
  /** What is done to whom, in words. */
  readonly what: string
  /** Members that go on answering meanwhile, without a long gap. Empty: nobody has to. */
  readonly survivors: readonly number[]
  /** Members that must answer again once it has ended. */
  readonly victims: readonly number[]
  /**
   * Members that never serve again, and the code that says so. `lives`: their processes go on, and
   * answer with it.
   */
  readonly lost?: {
    readonly serials: readonly number[]
    readonly code: string
    readonly lives?: boolean
    /** After the end: whether they are cured, and serve as all others do. */
    readonly isCured?: () => boolean
  }
  /** The longest gap at survivors, where less is promised than for all faults. */
  readonly gapMaxMs?: number
  /** Between begin and end. */
  readonly lastsMs: number
  begin(): Promise<void>
  /** Just before the end: why it had no effect; undefined when it had. */
  ineffective(): Promise<string | undefined>
  /** Just before the end: what did happen and should not have. */
  wrong?(): Promise<readonly string[]>
  /** Heals, or starts again; does not wait until that has helped. */
  end(): Promise<void>
  /** Once everybody is back: one line for the log, and what is not as it must be. */
  tell?(): Promise<{ readonly said: string; readonly failures: readonly string[] }>
}

/** What a fault is made of. */
export interface FaultGround {
  readonly cluster: Cluster
  readonly random: Prng
  /** Of what clients asked for since the fault began and got. */
  readonly medianMs: () => number
}

/** f of n. */
export function minorityOf(size: number): number {
  return Math.floor((size - 1) / 2)
}

/** SIGKILL, and a start after a while. */
export function kill(ground: FaultGround, count: number): Fault {
  const { cluster, random } = ground
  const { victims, others } = draw(ground, count)
  return {
    what: `SIGKILL of ${victims.join()}`,
    survivors: count > minorityOf(cluster.members.length) ? [] : others,
    victims,
    lastsMs: random.between(800, 2_000),
    begin: async () => {
      await Promise.all(victims.map((serial) => cluster.member(serial).kill()))
    },
    ineffective: async () => alive(cluster, victims),
    end: async () => start(cluster, victims),
  }
}

/** SIGSTOP, and SIGCONT after a while. */
export function pause(ground: FaultGround, count: number): Fault {
  const { cluster, random } = ground
  const { victims, others } = draw(ground, count)
  /** Whether a stopped member answered. */
  const answered = new Set<number>()
  return {
    what: `SIGSTOP of ${victims.join()}`,
    ...{ survivors: others, victims },
    lastsMs: random.between(500, 3_000),
    begin: async () => {
      for (const serial of victims) {
        const member = cluster.member(serial)
        member.pause()
        void member.ask({ kind: 'condition' }, 60_000).then((heard) => {
          if (heard.kind !== 'gone' && member.isPaused) answered.add(serial)
        })
      }
    },
    ineffective: async () => {
      const ran = victims.filter((serial) => answered.has(serial))
      return ran.length === 0 ? alreadyGone(cluster, victims) : `${ran.join()} ran on`
    },
    end: async () => {
      for (const serial of victims) cluster.member(serial).resume()
    },
  }
}

/** A process dies and its data with it: under its old serial it may never vote again. */
export function wipe(ground: FaultGround): Fault {
  const { cluster } = ground
  const { victims, others } = draw(ground, 1)
  const said: string[] = []
  return {
    what: `SIGKILL of ${victims.join()}, its data removed, and a start`,
    survivors: others,
    victims: [],
    lost: { serials: victims, code: 'AMNESIA' },
    lastsMs: 2_500,
    begin: async () => {
      for (const serial of victims) {
        await cluster.member(serial).kill()
        cluster.wipe(serial)
        void cluster
          .member(serial)
          .start({ mayStop: true })
          .then((start) => said.push(start.kind === 'stopped' ? start.failure.code : start.kind))
      }
    },
    ineffective: async () => {
      if (said.length === 0) return 'the wiped member neither opened nor stopped'
      return said.every((code) => code === 'AMNESIA') ? undefined : `it said ${said.join()}`
    },
    end: async () => undefined,
  }
}

/** Connections between these and the others are reset, and new ones refused. */
export function cut(ground: FaultGround, count: number): Fault {
  const { victims, others } = draw(ground, count)
  const links = ground.cluster.proxy.between(victims, others)
  const before = new Map(links.map((link) => [link, link.counts]))
  return {
    ...network(ground, { what: `cut off ${victims.join()}`, victims, survivors: others }),
    begin: async () => {
      for (const link of links) link.cut()
    },
    ineffective: async () =>
      lacking(
        links,
        (link) => link.counts.reset + link.counts.refused > brokenOf(before.get(link)),
      ),
  }
}

/** `mute`: nothing that it sends arrives. `deaf`: nothing sent to it does. The other way works. */
export function oneWay(ground: FaultGround, way: 'mute' | 'deaf'): Fault {
  const { cluster } = ground
  const { victims, others } = draw(ground, 1)
  const outward = way === 'mute' ? 'forward' : 'backward'
  const inward = way === 'mute' ? 'backward' : 'forward'
  const links = cluster.proxy.between(victims, others)
  const isOwn = (link: ProxyLink): boolean => victims.includes(link.from)
  const stalledBytes = (link: ProxyLink): number =>
    (isOwn(link) ? outward : inward) === 'forward'
      ? link.counts.forwardBytes
      : link.counts.backwardBytes
  const before = new Map<ProxyLink, number>()
  return {
    ...network(ground, { what: `${way}: ${victims.join()}`, victims, survivors: others }),
    begin: async () => {
      for (const link of links) {
        link.stall(isOwn(link) ? outward : inward)
        before.set(link, stalledBytes(link))
      }
    },
    ineffective: async () => {
      const leak = lacking(links, (link) => stalledBytes(link) === before.get(link))
      return leak ?? (await unnoticed(cluster, { by: others, of: victims, way }))
    },
  }
}

/** Links of one pair swallow everything, and stay open: nobody says that they are dead. */
export function silence(ground: FaultGround): Fault {
  const { cluster } = ground
  const [left = 0, right = 1] = ground.random.shuffle(cluster.serials)
  const links = cluster.proxy.between([left], [right])
  return {
    ...network(ground, {
      what: `silence between ${left} and ${right}`,
      victims: [left, right],
      survivors: cluster.serials,
    }),
    begin: async () => {
      for (const link of links) link.swallow('both')
    },
    ineffective: async () => lacking(links, (link) => link.counts.swallowedBytes > 0),
  }
}

/** Every link is slow: `delayMs` give or take `jitterMs`, each way. */
export function delay(ground: FaultGround, shape: { delayMs: number; jitterMs: number }): Fault {
  const { cluster } = ground
  return {
    ...network(ground, {
      what: `${shape.delayMs} ± ${shape.jitterMs} ms on every link`,
      victims: cluster.serials,
      survivors: cluster.serials,
    }),
    begin: async () => {
      for (const link of cluster.proxy.links) link.shape(shape)
    },
    ineffective: async () => {
      const median = ground.medianMs()
      return median >= shape.delayMs ? undefined : `answers within ${median} ms`
    },
  }
}

/** All links of one member come and go. */
export function flap(ground: FaultGround, everyMs: number): Fault {
  const { cluster } = ground
  const { victims, others } = draw(ground, 1)
  const links = cluster.proxy.between(victims, others)
  const before = new Map(links.map((link) => [link, link.counts]))
  return {
    ...network(ground, {
      what: `links of ${victims.join()} flap every ${everyMs} ms`,
      victims,
      survivors: others,
    }),
    begin: async () => {
      for (const link of links) link.flap({ downMs: everyMs, upMs: everyMs })
    },
    ineffective: async () =>
      lacking(
        links,
        (link) => link.counts.reset + link.counts.refused > 2 + brokenOf(before.get(link)),
      ),
  }
}

/** What all faults of links have in common. */
function network(
  { cluster, random }: FaultGround,
  parts: Pick<Fault, 'what' | 'victims' | 'survivors'>,
): Pick<Fault, 'what' | 'victims' | 'survivors' | 'lastsMs' | 'end'> {
  return {
    ...parts,
    lastsMs: random.between(1_500, 3_000),
    end: async () => cluster.proxy.healAll(),
  }
}

/** So many members, and the rest. */
export function draw(
  { cluster, random }: Pick<FaultGround, 'cluster' | 'random'>,
  count: number,
): { readonly victims: readonly number[]; readonly others: readonly number[] } {
  const shuffled = random.shuffle(cluster.serials)
  return { victims: shuffled.slice(0, count), others: shuffled.slice(count) }
}

/** Without waiting; one that does not get there is trouble. */
export function start(cluster: Cluster, serials: readonly number[]): void {
  for (const serial of serials) {
    void cluster
      .member(serial)
      .start()
      .then((start) => {
        if (start.kind !== 'ready')
          cluster.troubles.push(`member ${serial} did not come back: ${JSON.stringify(start)}`)
      })
  }
}

function alive(cluster: Cluster, serials: readonly number[]): string | undefined {
  const running = serials.filter((serial) => cluster.member(serial).pid !== undefined)
  return running.length === 0 ? undefined : `${running.join()} still there`
}

function alreadyGone(cluster: Cluster, serials: readonly number[]): string | undefined {
  const gone = serials.filter((serial) => cluster.member(serial).pid === undefined)
  return gone.length === 0 ? undefined : `${gone.join()} was not there`
}

function brokenOf(counts: { reset: number; refused: number } | undefined): number {
  return counts === undefined ? 0 : counts.reset + counts.refused
}

/** Names the links that were not touched as they should. */
function lacking(
  links: readonly ProxyLink[],
  isTouched: (link: ProxyLink) => boolean,
): string | undefined {
  const missing = links.filter((link) => !isTouched(link))
  const names = missing.map(({ from, to }) => `${from}→${to}`)
  return names.length === 0 ? undefined : `no effect on ${names.join(', ')}`
}

/** Who no longer hears a member suspects it: who is mute is not heard, who is deaf hears nobody. */
async function unnoticed(
  cluster: Cluster,
  parts: { by: readonly number[]; of: readonly number[]; way: 'mute' | 'deaf' },
): Promise<string | undefined> {
  const deaf = parts.way === 'mute' ? parts.by : parts.of
  const conditions = await Promise.all(deaf.map((serial) => cluster.condition(serial)))
  const trusting = deaf.filter((_, at) => {
    const reachable = conditions[at]?.reachable ?? 0
    return reachable === cluster.members.length
  })
  return trusting.length === 0 ? undefined : `${trusting.join()} did not notice`
}
