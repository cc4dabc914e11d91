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

const READ: Question = {
  ...{ kind: 'read', name: 'mixed/get', payload: new TextEncoder().encode('"a"') },
  ...{ consistency: 'local', timeoutMs: ASK_MS },
}

/** `injected`: in a process that runs. `skewed`: a restart with another version of the executor. */
export function diverge(ground: FaultGround, how: 'injected' | 'skewed'): Fault {
  const { cluster } = ground
  const { victims, others } = draw(ground, 1)
  const [victim = 0] = victims
  let foundMs: number | undefined
  return {
    what: `the executor of ${victim} differs, ${how}`,
    ...{ survivors: others, victims: [], lastsMs: 1_500 },
    lost: { serials: victims, code: 'DIVERGED', lives: true },
    begin: async () => {
      await sleep(QUIET_MS)
      if (how === 'injected') await cluster.ask(victim, { kind: 'skew' }, 'condition')
      else {
        await cluster.member(victim).kill()
        await cluster.member(victim).start({ change: { isSkewed: true } })
      }
      const began = performance.now()
      while ((await cluster.condition(victim)).phase !== 'readOnly') {
        if (performance.now() - began > 3 * FOUND_MAX_MS) return
        await sleep(5)
      }
      foundMs = performance.now() - began
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
    end: async () => undefined,
  }
}

async function codeOf(cluster: Cluster, serial: number, question: Question): Promise<string> {
  const heard = await cluster.member(serial).ask(question, ASK_MS)
  return heard.kind === 'failed' ? heard.failure.code : heard.kind
}
