/** The brand of submissions, for harnesses that make their own. */

import type { SubmissionId } from '@synevi/accord'

/** A number that is never used twice in a run. */
export function submissionId(value: number): SubmissionId {
  return value as SubmissionId
}
