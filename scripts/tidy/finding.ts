/** What a rule is and what it reports. Rules are pure: a tree of texts in, findings out. */

import type { Tree } from './tree.ts'

/** One broken rule at one place. `say` tells what to write instead. */
export interface Finding {
  /** Relative to the root, with forward slashes. */
  readonly path: string
  /** From 1; 0 when it is about the whole file. */
  readonly line: number
  readonly say: string
}

/** A check over the whole tree. `name` is printed with each finding. */
export interface Rule {
  readonly name: string
  readonly check: (tree: Tree) => readonly Finding[]
}

/** `path:line: rule: what to write instead`, one line. */
export function formatFinding(rule: Rule, finding: Finding): string {
  return `${finding.path}:${finding.line}: ${rule.name}: ${finding.say}`
}
