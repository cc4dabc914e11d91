/**
 * What a seed draws (`testing.md` 2.2): each class of fault is switched on or off first, then its
 * rate is drawn.
 *
 * Every family that the gates ask for (frames, partitions, crashes, pauses) keeps at least one
 * class, or half of all seeds would be thin by construction.
 */

import { drawClosing } from './draw-closing.ts'
import type { Micros } from '../event-queue.ts'
import type { Prng } from '../prng.ts'
import { chooseChanges, classesOf, withLoss } from './changes.ts'
import { drawRestore } from './draw-restore.ts'
import { drawNodes } from './draw-nodes.ts'
import { drawPartition, isMode } from './partitions.ts'
import { drawSnapshotCrash, drawSnapshots } from './snapshots.ts'
import {
  CLIENT_FAULTS,
  CLOCK_FAULTS,
  type ClientPlan,
  type Fault,
  type FaultClass,
  type MachinePlan,
  PARTITION_MODES,
  type Plan,
  type SettingsPlan,
  WIRE_FAULTS,
  toleratedOf,
} from './plan.ts'
import { RECORD_DAMAGES } from '../world/disk-past.ts'
import type { WireConditions } from '../world/network.ts'

/** What the caller decides. */
export interface SwarmOptions {
  /** Forces the number of voters. */
  readonly nodes?: number
  /** Requests of all clients. Default 200 (a small seed). */
  readonly requests?: number
  /** Weights of operations are drawn for these kinds. */
  readonly operations: readonly string[]
  /** Default true. */
  readonly faults?: boolean
  /** These classes of faults and no others, whatever the seed would draw. */
  readonly only?: readonly FaultClass[]
  /** Whether the members change: forced, or ruled out. Default: in a share of the seeds. */
  readonly changes?: boolean
  /** Also short logs with snapshots, and old images put back. Default false. */
  readonly snapshots?: boolean
}

const CRASHES = ['kill', 'power', 'powerAll', 'close', 'storm'] as const
const PAUSES = ['pause'] as const
const DISKS = ['slowDisk', 'stall', 'writeError', 'full'] as const
const OTHERS = ['slow', 'misreport', 'step', 'freeze'] as const
const RESTARTS = ['otherSettings'] as const

/** All that can be drawn, but changes of the membership. */
export const FAULT_CLASSES: readonly FaultClass[] = [
  ...WIRE_FAULTS,
  ...PARTITION_MODES,
  ...CRASHES,
  ...PAUSES,
  ...DISKS,
  ...OTHERS,
  ...RESTARTS,
  ...CLIENT_FAULTS,
  ...CLOCK_FAULTS,
  ...(['wipe', 'diverge', 'mixedVersions', 'snapshots', 'snapshotCrash', 'rot'] as const),
  ...(['damage', 'oldImage', 'restore'] as const),
]

/** The plan of a seed. */
export function drawPlan(root: Prng, seed: bigint, options: SwarmOptions): Plan {
  const shape = root.fork('shape')
  const nodes = options.nodes ?? drawNodes(shape)
  const requests = options.requests ?? 200
  const drawn =
    options.faults === false
      ? []
      : (options.only ?? drawClasses(root.fork('classes'), nodes, options.snapshots === true))
  const on = new Set(drawn)
  const horizon = Math.floor(shape.between(4_000_000, 9_000_000) * Math.max(1, requests / 400))
  const changes = chooseChanges(root.fork('changes'), { nodes, horizon, on, options })
  const settings = drawSettings(root.fork('settings'), on.has('snapshots'))
  const machines = withLoss(drawMachines(root.fork('machines'), nodes, on), changes)
  const spares = drawMachines(root.fork('spares'), changes?.spares ?? 0, on)
  const faults = drawFaults(root.fork('faults'), { nodes, horizon, on, machines })
  return {
    seed: seed.toString(),
    nodes,
    machines: [...machines, ...spares.map((machine) => ({ ...machine, mayBeLost: false }))],
    settings: {
      ...settings,
      ...(nodes === 2 ? { heartbeatMs: 60 } : {}),
      ...(on.has('snapshots') ? drawSnapshots(root.fork('snapshots')) : {}),
    },
    clients: drawClients(root.fork('clients'), {
      requests,
      horizon,
      on,
      operations: options.operations,
    }),
    wire: drawWire(root.fork('wire'), on, nodes),
    horizon,
    classes: [...new Set([...on, ...classesOf(changes)])].sort(),
    faults: [...faults, ...(changes?.faults ?? [])].sort((a, b) => a.at - b.at),
    ...(on.has('restore') ? { restore: drawRestore(root.fork('restore'), nodes, horizon) } : {}),
    ...(changes === undefined ? {} : { spares: changes.spares, changes: changes.changes }),
  }
}

function drawClasses(random: Prng, nodes: number, snapshots: boolean): Set<FaultClass> {
  const families: readonly (readonly FaultClass[])[] =
    nodes > 1 ? [WIRE_FAULTS, PARTITION_MODES, CRASHES, PAUSES] : [CRASHES, PAUSES]
  const on = new Set<FaultClass>()
  for (const family of families) {
    const chosen = family.filter(() => random.chance(0.5))
    if (chosen.length === 0) chosen.push(random.pick(family))
    // The frame faults that count by themselves: at least one of them.
    if (family === WIRE_FAULTS && !chosen.some((each) => COUNTED.has(each))) {
      chosen.push(random.pick(['drop', 'duplicate'] as const))
    }
    if (family === WIRE_FAULTS && nodes === 2) chosen.push('drop', 'duplicate')
    for (const each of chosen) on.add(each)
  }
  const single = [...DISKS, ...OTHERS, ...CLIENT_FAULTS, ...CLOCK_FAULTS, ...RESTARTS]
  for (const each of single) if (random.chance(each === 'far' ? 0.2 : 0.5)) on.add(each)
  if (nodes < 2) on.delete('misreport')
  // Costs the rest of the run a node: rarer than the others.
  if (toleratedOf(nodes) > 0 && random.chance(0.15)) on.add('wipe')
  if (toleratedOf(nodes) > 0 && random.chance(0.05)) on.add('diverge')
  if (random.chance(0.25)) on.add('mixedVersions')
  // With a partition a differing node might hand on its state before anybody can tell.
  if (snapshots && nodes > 1 && random.chance(0.5) && !on.has('diverge')) on.add('snapshots')
  if (on.has('snapshots') && random.chance(0.5)) on.add('snapshotCrash')
  if (toleratedOf(nodes) > 0 && random.chance(0.15)) on.add('damage')
  if (snapshots && toleratedOf(nodes) > 0 && random.chance(0.1)) on.add('oldImage')
  if (random.chance(0.1)) on.add('restore')
  if (on.has('snapshots') && random.chance(0.3)) on.add('rot')
  return on
}

const COUNTED: ReadonlySet<FaultClass> = new Set(['drop', 'duplicate'])

function drawMachines(
  random: Prng,
  nodes: number,
  on: ReadonlySet<FaultClass>,
): readonly MachinePlan[] {
  // Only these may be lost, or have clocks beyond the tolerance: whatever is drawn, f members at
  // most.
  const weak = new Set(
    random.shuffle(Array.from({ length: nodes }, (_, i) => i)).slice(0, toleratedOf(nodes)),
  )
  const bad = new Set(on.has('far') ? [...weak].slice(0, random.between(0, weak.size)) : [])
  return Array.from({ length: nodes }, (_, node): MachinePlan => {
    const syncMin = random.logBetween(50, 2_000)
    const offsetMs = bad.has(node)
      ? random.pick([-3_600_000, -60_000, -5_000, 5_000, 3_600_000])
      : on.has('offset')
        ? random.between(-200, 200)
        : 0
    return {
      disk: { syncMin, syncMax: syncMin * random.logBetween(1.5, 10) },
      offsetMs,
      driftPpm: on.has('drift') ? random.between(-500, 500) : 0,
      badClock: bad.has(node),
      mayBeLost: weak.has(node),
    }
  })
}

/** Options that may differ between the lives of a node. Logs are kept whole but for `snapshots`. */
export function drawSettings(random: Prng, snapshots: boolean): SettingsPlan {
  const log = (min: number, max: number): number => Math.round(random.logBetween(min, max))
  return {
    recoverAfterMs: log(20, 1_000),
    heartbeatMs: log(150, 500),
    patienceMaxMs: random.pick([0, 5, 50, 250]),
    transactionsInFlightMax: log(1, 1_000),
    requestsMax: log(1, 512),
    undecidedMax: random.pick([1, 2, 4, 4, 8, 64]),
    lingerMs: random.pick([0, 0, 0, 1, 10]),
    queuedMax: random.pick([4, 1_000, 10_000]),
    transactionMs: 10_000,
    reorder: random.pick(['off', 'off', 'adaptive', 'on']),
    reorderWaitMaxMs: random.pick([2, 20, 80]),
    ...drawClosing(random.fork('closing'), snapshots),
  }
}

function drawClients(
  random: Prng,
  parts: {
    requests: number
    horizon: Micros
    on: ReadonlySet<FaultClass>
    operations: readonly string[]
  },
): ClientPlan {
  const count = random.between(2, 8)
  const longShare = random.pick([0.1, 0.3, 1])
  const shortPause = random.logBetween(100, 10_000)
  // So that all requests begin within the first four fifths of the time that faults have.
  const mean = (0.8 * parts.horizon * count) / parts.requests
  const weights: Record<string, number> = {}
  for (const each of parts.operations)
    weights[each] = random.chance(0.7) ? random.between(1, 10) : 0
  if (Object.values(weights).every((weight) => weight === 0)) {
    for (const each of parts.operations) weights[each] = 1
  }
  return {
    count,
    requests: parts.requests,
    sticky: random.chance(0.4),
    shortPause: Math.floor(shortPause),
    longPause: Math.floor(Math.max(shortPause, (mean * 0.8) / longShare)),
    longShare,
    timeoutMs: parts.on.has('impatient') ? random.between(30, 400) : random.between(300, 1_500),
    weights,
  }
}

function drawWire(random: Prng, on: ReadonlySet<FaultClass>, nodes: number): WireConditions {
  // Two nodes say so little to each other that a small share of it is next to nothing.
  const least = nodes <= 2 ? 0.15 : 0.05
  const delayMin = random.logBetween(100, 10_000)
  const rate = (name: FaultClass, min: number, max: number): number => {
    const drawn = random.fork(name).logBetween(min, max)
    return on.has(name) ? drawn : 0
  }
  return {
    delayMin,
    delayMax: delayMin * random.logBetween(1, 5),
    jitter: random.logBetween(0.05, 1),
    drop: rate('drop', least, 0.3),
    duplicate: rate('duplicate', least, 0.3),
    spike: rate('spike', 0.02, 0.1),
    spikeMax: random.pick([100_000, 1_000_000, 5_000_000]),
    reorder: on.has('reorder'),
    flip: rate('flip', 0.001, 0.02),
    late: rate('late', 0.005, 0.05),
    ...(on.has('rot') ? { rot: rate('rot', 0.1, 0.5) } : {}),
    bandwidth: on.has('bandwidth') ? 1_000_000 : 0,
    noticeMin: 1_000,
    noticeMax: random.logBetween(100_000, 3_000_000),
  }
}

interface Scene {
  readonly nodes: number
  readonly horizon: Micros
  readonly on: ReadonlySet<FaultClass>
  readonly machines: readonly MachinePlan[]
}

function drawFaults(root: Prng, scene: Scene): readonly Fault[] {
  const faults: Fault[] = []
  const { on, horizon } = scene
  const counted = (family: readonly FaultClass[], least: number, most: number): FaultClass[] => {
    const chosen = family.filter((each) => on.has(each))
    if (chosen.length === 0) return []
    const random = root.fork(chosen.join())
    const count = Math.max(chosen.length, random.between(least, most))
    return Array.from({ length: count }, (_, i) => chosen[i] ?? random.pick(chosen))
  }
  const wanted = [
    ...counted(PARTITION_MODES, 2, 5),
    ...counted(CRASHES, 4, 6),
    ...counted(PAUSES, 3, 4),
    ...counted(DISKS, 1, 4),
    ...counted(OTHERS, 1, 4),
    ...counted(['wipe'], 1, 1),
    ...counted(['diverge'], 1, 1),
    ...counted(['snapshotCrash'], 2, 8),
    ...counted(['damage'], 1, 3),
    ...counted(['oldImage'], 1, 1),
  ]
  const seen = new Map<FaultClass, number>()
  for (const each of wanted) {
    const nth = seen.get(each) ?? 0
    seen.set(each, nth + 1)
    const random = root.fork(`${each} ${nth}`)
    const at = Math.floor(horizon * (0.05 + 0.8 * random.float()))
    faults.push(...drawFault(random, each, at, scene))
  }
  return faults.sort((a, b) => a.at - b.at)
}

function drawFault(random: Prng, name: FaultClass, at: Micros, scene: Scene): readonly Fault[] {
  const log = (min: number, max: number): Micros => Math.floor(random.logBetween(min, max))
  const node = random.below(scene.nodes)
  const down = log(20_000, 2_000_000)
  switch (name) {
    case 'kill':
    case 'power': {
      const isBad = scene.machines[node]?.badClock === true
      const back = isBad && random.chance(0.5) ? { backMs: random.pick([1_000, 3_600_000]) } : {}
      return [{ kind: name, at, nodes: [node], down, ...back }]
    }
    case 'powerAll': {
      const all = Array.from({ length: scene.nodes }, (_, i) => i)
      return [{ kind: 'power', at, nodes: all, down: log(20_000, 500_000) }]
    }
    case 'close':
      return [{ kind: 'close', at, node, down }]
    case 'storm': {
      const lives = Array.from({ length: random.between(2, 5) }, () => log(100, 200_000))
      return [{ kind: 'storm', at, node, lives, down: log(1_000, 100_000) }]
    }
    case 'pause':
      return [{ kind: 'pause', at, node, for: log(100_000, 6_000_000) }]
    case 'slow':
      return [{ kind: 'slow', at, node, for: log(100_000, 3_000_000), cost: log(20, 2_000) }]
    case 'slowDisk':
      return [{ kind: 'slowDisk', at, node, for: log(100_000, 3_000_000), by: log(2, 50) }]
    case 'stall':
      return [{ kind: 'stall', at, node, for: log(100_000, 4_000_000) }]
    case 'writeError':
      return [{ kind: 'writeError', at, node, down }]
    case 'full':
      return [{ kind: 'full', at, node, for: log(100_000, 3_000_000) }]
    default:
      return drawRarer(random, name, at, scene, node)
  }
}

function drawRarer(
  random: Prng,
  name: FaultClass,
  at: Micros,
  scene: Scene,
  node: number,
): readonly Fault[] {
  const log = (min: number, max: number): Micros => Math.floor(random.logBetween(min, max))
  const isBad = scene.machines[node]?.badClock === true
  switch (name) {
    case 'wipe':
    case 'oldImage':
      return lossOf(random, scene).map((lost) => ({
        kind: name,
        at,
        node: lost,
        down: log(20_000, 2_000_000),
      }))
    case 'damage':
      return lossOf(random, scene).map((lost) => ({
        ...{ kind: 'damage', at, node: lost, how: random.pick(RECORD_DAMAGES) },
        down: log(20_000, 1_000_000),
      }))
    case 'diverge':
      // Early, so that there is something left to differ in.
      return lossOf(random, scene).map((lost) => ({
        kind: 'diverge',
        at: Math.floor(at / 2),
        node: lost,
      }))
    case 'snapshotCrash':
      return [drawSnapshotCrash(random, log(20_000, 2_000_000))]
    case 'step': {
      const small = random.between(-200, 200)
      const far = random.pick([-3_600_000, -10_000, 10_000, 3_600_000])
      return [{ kind: 'step', at, node, byMs: isBad && random.chance(0.5) ? far : small }]
    }
    case 'freeze':
      return [
        { kind: 'freeze', at, node, for: isBad ? log(100_000, 4_000_000) : log(10_000, 400_000) },
      ]
    case 'misreport': {
      const to = (node + random.between(1, scene.nodes - 1)) % scene.nodes
      return [{ kind: 'misreport', at, from: node, to, for: log(1_000, 1_000_000) }]
    }
    default: {
      if (!isMode(name) || scene.nodes < 2) return []
      const cuts = drawPartition(random, name, scene.nodes, { at, for: log(100_000, 3_000_000) })
      return cuts.length === 0 ? [] : [{ kind: 'partition', mode: name, at, cuts }]
    }
  }
}

/** One of the machines that may be lost. */
function lossOf(random: Prng, scene: Scene): readonly number[] {
  const weak = scene.machines.flatMap(({ mayBeLost }, i) => (mayBeLost ? [i] : []))
  return weak.length === 0 ? [] : [random.pick(weak)]
}
