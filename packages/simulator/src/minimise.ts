/**
 * Makes a failing plan small: classes of faults first, then single faults, clients, requests
 * (`testing.md` 2.8).
 */

import type { FaultClass, Plan } from './fault/plan.ts'

/** Whether a plan still fails in the way that is looked for. */
export type Fails = (plan: Plan) => Promise<boolean>

/** What was tried: for a line of progress. */
export type Tried = (what: string, stillFails: boolean) => void

/** The smallest plan that was found to fail. `runsMax` bounds the search. */
export async function minimise(
  plan: Plan,
  parts: { fails: Fails; tried: Tried; runsMax: number },
): Promise<Plan> {
  let best = plan
  let left = parts.runsMax
  const attempt = async (what: string, candidate: Plan): Promise<boolean> => {
    if (left-- <= 0) return false
    const fails = await parts.fails(candidate)
    parts.tried(what, fails)
    if (fails) best = candidate
    return fails
  }
  for (const name of plan.classes) await attempt(`without ${name}`, withoutClass(best, name))
  for (let i = best.faults.length - 1; i >= 0; i--) {
    await attempt(`without fault ${i}`, {
      ...best,
      faults: best.faults.filter((_, at) => at !== i),
    })
  }
  for (const count of [1, 2, 3]) {
    if (count >= best.clients.count) break
    if (await attempt(`${count} clients`, withClients(best, { count }))) break
  }
  for (let requests = Math.floor(best.clients.requests / 2); requests >= 1;) {
    if (!(await attempt(`${requests} requests`, withClients(best, { requests })))) break
    requests = Math.floor(requests / 2)
  }
  return best
}

/** The plan without anything of this class. */
export function withoutClass(plan: Plan, name: FaultClass): Plan {
  const { wire, restore, ...rest } = plan
  return {
    ...rest,
    ...(name === 'restore' || restore === undefined ? {} : { restore }),
    classes: plan.classes.filter((each) => each !== name),
    wire: {
      ...wire,
      ...(name in wire && name !== 'reorder' ? { [name]: 0 } : {}),
      reorder: wire.reorder && name !== 'reorder',
    },
    machines: plan.machines.map((machine) => ({
      ...machine,
      driftPpm: name === 'drift' ? 0 : machine.driftPpm,
      offsetMs:
        (name === 'offset' && !machine.badClock) || (name === 'far' && machine.badClock)
          ? 0
          : machine.offsetMs,
    })),
    ...(plan.changes === undefined
      ? {}
      : { changes: plan.changes.filter(({ kind }) => kind !== name) }),
    faults: plan.faults.filter((fault) => {
      if (fault.kind === 'partition') return fault.mode !== name
      const isAll = fault.kind === 'power' && fault.nodes.length === plan.nodes && plan.nodes > 1
      return (isAll ? 'powerAll' : fault.kind) !== name
    }),
  }
}

function withClients(plan: Plan, change: { count?: number; requests?: number }): Plan {
  return { ...plan, clients: { ...plan.clients, ...change } }
}
