/** A node with an empty store that is to join asks who it is, before its store says so. */

import { askToJoin } from '../membership/ask-to-join.ts'
import type { JoinAnswer } from '../membership/join-codec.ts'
import type { ParsedOptions } from '../options.ts'
import type { Patience } from '../read/waits.ts'
import { NodeState } from '../state/node-state.ts'

/** Undefined where the store knows, or there is nothing to join. Rejects as {@link askToJoin}. */
export async function joinWhereFresh(
  options: ParsedOptions,
  patience: Patience,
): Promise<JoinAnswer | undefined> {
  const { join, store, network, clock, logger, self } = options
  if (join === undefined || NodeState.identityIn(store) !== undefined) return undefined
  const answer = await askToJoin({
    ...{ network, clock, logger, patience, id: self.id, addresses: join },
  })
  const { epoch } = answer.configuration
  logger.info({ serial: answer.serial, epoch }, 'joins as a learner')
  return answer
}
