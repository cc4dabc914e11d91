/**
 * Replacing the state of a node by that of another (`Node.repair`): the cure for results that
 * differ (`protocol.md` 7.6), with votes kept.
 */

import { millis, nodeSerial, type NodeSerial } from '@synevi/accord'
import { parseWaiting, type Patience, type Waiting } from '../read/waits.ts'
import { describeEnd } from '../snapshot/fetch-end.ts'
import { SyneviError } from '../synevi-error.ts'
import type { Runtime } from './runtime.ts'

/** Between two attempts. */
const PAUSE_MS = 200

/**
 * Replaces the state of this node by that of a member (`from`, else any), votes kept: the cure for
 * `DIVERGED`, after which it applies, reads and submits again. The state is taken only if another
 * reachable member had the same results. Tries again for `timeouts.joinMs` unless told otherwise.
 *
 * Rejects, definite, with `INVALID_ARGUMENT` for one that is no other member, `TIMEOUT`,
 * `CANCELLED`, and as the node fails.
 */
export async function repair(
  runtime: Runtime,
  options: Waiting & { readonly from?: string },
): Promise<void> {
  const { clock, timeouts } = runtime.options
  const { from } = options
  const patience = parseWaiting(options, { clock, byDefaultMs: timeouts.joinMs })
  const named = from === undefined ? undefined : otherMember(runtime, from)
  let last = 'no other member is reachable'
  for (let attempt = 0; ; attempt++) {
    const candidates = named === undefined ? runtime.restart.linked() : [named]
    const serial = candidates[attempt % Math.max(1, candidates.length)]
    const end = await runtime.waits.wait<string | undefined>(
      patience,
      () => `no snapshot was installed: ${last}`,
      (settle) => {
        if (serial === undefined) settle.resolve(last)
        else
          runtime.snapshots.take(serial, (ended) =>
            settle.resolve(ended.kind === 'installed' ? undefined : describeEnd(ended)),
          )
        return () => {}
      },
    )
    if (end === undefined) return
    last = end
    const refusal = runtime.health.failure
    if (refusal !== undefined) throw refusal
    await pause(runtime, patience, last)
  }
}

function pause({ options, waits }: Runtime, patience: Patience, last: string): Promise<void> {
  const { clock } = options
  return waits.wait<void>(
    patience,
    () => `no snapshot was installed: ${last}`,
    (settle) => {
      const alarm = clock.alarm(millis(clock.now().elapsed + PAUSE_MS), () => settle.resolve())
      return () => alarm[Symbol.dispose]()
    },
  )
}

function otherMember(runtime: Runtime, id: string): NodeSerial {
  const member = runtime.members().find((one) => one.id === id)
  if (member !== undefined && member.serial !== runtime.opened.serial)
    return nodeSerial(member.serial)
  throw new SyneviError('INVALID_ARGUMENT', `from: ${JSON.stringify(id)} is no other member`, {
    definite: true,
  })
}
