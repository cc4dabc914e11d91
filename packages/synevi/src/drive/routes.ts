/** Which executor handles which request, by its name. */

import type { Executor } from '../contract/executor.ts'
import {
  SYSTEM_EXECUTOR,
  executorOf,
  isExecutorName,
  isRequestName,
} from '../define/request-name.ts'
import { ExecutorKeys } from '../state/executor-state.ts'
import { SyneviError } from '../synevi-error.ts'

/** The request that only has a place in the order: what is applied at it was submitted before. */
export const BARRIER_NAME = 'synevi/barrier'

/** Who executes a request: an executor with its part of the state, or the node itself. */
export type Route =
  | { readonly kind: 'executor'; readonly executor: Executor; readonly keys: ExecutorKeys }
  | { readonly kind: 'barrier' }

/**
 * The routes of a node, by full name. Throws `INVALID_ARGUMENT` for an executor without a valid
 * name, two of the same name, the reserved name, or a declared name that is not its own.
 */
export function routesOf(executors: readonly Executor[]): ReadonlyMap<string, Route> {
  const routes = new Map<string, Route>([[BARRIER_NAME, { kind: 'barrier' }]])
  const names = new Set<string>()
  for (const executor of executors) {
    const { name } = executor
    if (!isExecutorName(name))
      refuse(`${JSON.stringify(name)} is no name: 1 to 64 of a-z, 0-9 and -`)
    if (name === SYSTEM_EXECUTOR) refuse(`the name ${name} is reserved`)
    if (names.has(name)) refuse(`two executors have the name ${name}`)
    names.add(name)
    const keys = new ExecutorKeys(name)
    for (const handled of executor.handles) {
      if (!isRequestName(handled) || executorOf(handled) !== name) {
        refuse(
          `executor ${name} cannot handle ${JSON.stringify(handled)}: not ${name}/…, or too long`,
        )
      }
      routes.set(handled, { kind: 'executor', executor, keys })
    }
  }
  return routes
}

function refuse(why: string): never {
  throw new SyneviError('INVALID_ARGUMENT', `cannot use the executors: ${why}`, { definite: true })
}
