/** A node whose executor comes to other results: by a fault, or since it is of another version. */

import type { Cluster } from './cluster.ts'
import { draw, type Fault, type FaultGround } from './fault.ts'
import type { Question } from './orders.ts'
import { sleep } from './monotonic.ts'

/** From the first different result, with traffic, until the node has found out. */
const FOUND_MAX_MS = 1_000
/** What clients had asked of it before has been answered. */
const QUIET_MS = 500
const ASK_MS = 2_000
const REPAIR_MS = 15_000

const READ: Question = {
  ...{ kind: 'read', name: 'mixed/get', payload: new TextEncoder().encode('"a"') },
  ...{ consistency: 'local', timeoutMs: ASK_MS },
}

/**
 * `injected`: in a process that runs. `skewed`: a restart with another version of the executor. In
 * the end the executor is as all others, and the state of the node is replaced by a peer's.
 */
export function diverge(ground: FaultGround, how: 'injected' | 'skewed'): Fault {
  const { cluster } = ground
  const { victims, others } = draw(ground, 1)
  const [victim = 0] = victims
  let foundMs: number | undefined
  let isCured = false
  return {
    what: `the executor of ${victim} differs, ${how}`,
    ...{ survivors: others, victims, lastsMs: 1_500 },
    lost: { serials: victims, code: 'DIVERGED', lives: true, isCured: () => isCured },
    begin: async () => {
      await sleep(QUIET_MS)
      if (how === 'injected')
        await cluster.ask(victim, { kind: 'skew', isSkewed: true }, 'condition')
      else {
        await cluster.member(victim).kill()
        await cluster.member(victim).start({ change: { isSkewed: true } })
      }
      foundMs = await foundAfterMs(cluster, victim)
      if (foundMs === undefined) return
      cluster.note(cluster.clock.now, `${victim} found out after ${foundMs.toFixed(0)} ms`)
    },
    ineffective: async () => undefined,
    wrong: async () => {
      if (foundMs === undefined) return ['it never found out']
      const found: string[] = []
      if (foundMs > FOUND_MAX_MS) found.push(`found out after ${foundMs.toFixed(0)} ms`)
      const code = await codeOf(cluster, victim, READ)
      if (code !== 'DIVERGED') found.push(`a read is answered with ${code}`)
      return found
    },
    end: async () => {
      if (how === 'injected') {
        await cluster.ask(victim, { kind: 'skew', isSkewed: false }, 'condition')
      } else {
        await cluster.member(victim).kill()
        await cluster.member(victim).start()
      }
      const question = { kind: 'repair', timeoutMs: REPAIR_MS } as const
      await cluster.ask(victim, question, 'condition', REPAIR_MS + ASK_MS)
      isCured = true
    },
  }
}

/** From its first new result until it knows; undefined when that takes far too long. */
async function foundAfterMs(cluster: Cluster, serial: number): Promise<number | undefined> {
  const { position } = await cluster.condition(serial)
  const ends = performance.now() + QUIET_MS + 5 * FOUND_MAX_MS
  let began: number | undefined
  while (performance.now() < ends) {
    const now = await cluster.condition(serial)
    if (now.position > position) began ??= performance.now()
    if (now.phase === 'readOnly') return began === undefined ? 0 : performance.now() - began
    await sleep(20)
  }
  return undefined
}

async function codeOf(cluster: Cluster, serial: number, question: Question): Promise<string> {
  const heard = await cluster.member(serial).ask(question, ASK_MS)
  return heard.kind === 'failed' ? heard.failure.code : heard.kind
}
