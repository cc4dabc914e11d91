/**
 * A planted bug: what is written instead of what, why that is wrong, and what must find it
 * (`testing.md` 2.10).
 */

import type { FaultClass } from '../fault/plan.ts'

/** One text of the core, or of the node around it, and what stands there instead. */
export interface Edit {
  /** Default `accord`. */
  readonly in?: 'synevi'
  /** Below `src` of that package. */
  readonly file: string
  /**
   * Must be there exactly once; any white space stands for any other, so formatting does not
   * matter.
   */
  readonly find: string
  readonly replace: string
}

/** Where to look, and how long. */
export type Hunt =
  /** `changes`: only walks in which the membership changes. */
  | {
      readonly by: 'walk'
      readonly n: number
      readonly changes?: boolean
      readonly seedsMax: number
    }
  /** Whole nodes under these classes of faults, and no others. */
  | {
      readonly by: 'simulate'
      readonly only: readonly FaultClass[]
      /** Default: as the seed draws. */
      readonly nodes?: number
      /** Of all clients. Default 120. */
      readonly requests?: number
      readonly seedsMax: number
    }
  /** All of the named bounds. */
  | { readonly by: 'explore'; readonly bounds: string }

/** One planted bug. */
export interface Mutant {
  /** Short, for the table and `--only`. */
  readonly name: string
  /** The rule of `protocol.md` that it breaks, or the decision. */
  readonly rule: string
  readonly why: string
  readonly edits: readonly Edit[]
  /** Any of them may find it; all are tried, and the first that does counts. */
  readonly hunts: readonly Hunt[]
  /** The bounds of an exploration that must find it, too: small ones, of the explorer's default. */
  readonly explored?: string
  /** Set for what changes nothing that matters, with the reason: it must survive. */
  readonly harmless?: string
}

/** The text with the edit made. Throws an Error when `find` is not there exactly once. */
export function applyEdit(text: string, edit: Edit): string {
  const pattern = edit.find
    .trim()
    .split(/\s+/)
    .map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('\\s+')
  const found = [...text.matchAll(new RegExp(pattern, 'g'))]
  const [only] = found
  if (only === undefined || found.length > 1) {
    throw new Error(`${edit.file}: found ${found.length} times, not once: ${edit.find.trim()}`)
  }
  return text.slice(0, only.index) + edit.replace + text.slice(only.index + only[0].length)
}
