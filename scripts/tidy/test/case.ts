/** What a rule rejects, beside the nearest thing that it accepts. */

/** Files by path. */
export type Texts = Readonly<Record<string, string>>

/** One pair. */
export interface Case {
  /** What it rejects, and where. */
  readonly bad: Texts
  readonly at: readonly string[]
  /** The nearest thing that it lets pass. */
  readonly good: Texts
}

/** By the name of the rule. */
export type Cases = Readonly<Record<string, readonly Case[]>>
