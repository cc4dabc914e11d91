/** The failure of a value that does not have its shape. */

import { SyneviError } from '../synevi-error.ts'

/** What is wrong, and where: `path` from the outside in, empty for the whole value. */
export interface ShapeIssue {
  readonly message: string
  readonly path: readonly (string | number)[]
}

const SHOWN_MAX = 3

/**
 * `SCHEMA_INVALID`, definite; all issues are in `details.issues`. Never names the value, only where
 * it stands.
 */
export function schemaInvalid(what: string, issues: readonly ShapeIssue[]): SyneviError {
  const shown = issues.slice(0, SHOWN_MAX).map(textOf).join('; ')
  const more = issues.length > SHOWN_MAX ? ` and ${issues.length - SHOWN_MAX} more` : ''
  return new SyneviError('SCHEMA_INVALID', `${what}: ${shown}${more}`, {
    definite: true,
    details: { issues },
  })
}

function textOf(issue: ShapeIssue): string {
  return issue.path.length === 0 ? issue.message : `${issue.message} (at ${issue.path.join('.')})`
}
