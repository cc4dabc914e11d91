/** Errors and notices in words. */

import type { Notice } from '@synevi/accord'

/** The message of an error and of what caused it. */
export function chain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `; because: ${chain(error.cause)}`
  return `${error.message}${cause}`
}

/** A notice in one line. */
export function show(notice: Notice): string {
  const fields = Object.entries(notice).flatMap(([name, value]) => {
    if (name === 'kind') return []
    if (typeof value === 'bigint') return [`${name}=${value.toString(16)}`]
    return typeof value === 'object' ? [] : [`${name}=${String(value)}`]
  })
  return `${notice.kind} ${fields.join(' ')}`
}
