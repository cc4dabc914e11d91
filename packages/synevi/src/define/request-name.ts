/** Names of requests: `executor/rest`. The part before the first "/" names the executor. */

import { SyneviError } from '../synevi-error.ts'

/** Reserved: requests to the node itself. */
export const SYSTEM_EXECUTOR = 'synevi'

/** Of a whole name, in UTF-8. */
export const REQUEST_NAME_BYTES_MAX = 255

const EXECUTOR_NAME = /^[a-z0-9-]{1,64}$/

/** 1 to 64 of `a-z`, `0-9` and `-`. */
export function isExecutorName(name: string): boolean {
  return EXECUTOR_NAME.test(name)
}

/** The part before the first "/"; the whole name when there is none. */
export function executorOf(name: string): string {
  const slash = name.indexOf('/')
  return slash === -1 ? name : name.slice(0, slash)
}

/** An executor's name, "/", and one more character or more: 255 bytes of UTF-8 at most. */
export function isRequestName(name: string): boolean {
  const executor = executorOf(name)
  if (!isExecutorName(executor) || name.length < executor.length + 2) return false
  return Buffer.byteLength(name) <= REQUEST_NAME_BYTES_MAX && !/\p{Surrogate}/u.test(name)
}

/** The name, if a user may define it. Throws `INVALID_ARGUMENT`. */
export function checkRequestName(name: string): string {
  const refuse = (why: string): never => {
    throw new SyneviError('INVALID_ARGUMENT', `cannot define ${JSON.stringify(name)}: ${why}`, {
      definite: true,
    })
  }
  if (typeof name !== 'string' || !isRequestName(name)) {
    refuse('not "executor/name", 1 to 64 of a-z, 0-9 and - before the "/", 255 bytes at most')
  }
  if (executorOf(name) === SYSTEM_EXECUTOR)
    refuse(`names that begin with ${SYSTEM_EXECUTOR}/ are reserved`)
  return name
}
