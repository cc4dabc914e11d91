/** What a checker throws: a rule of `protocol.md` that the run broke. */

/** `rule` is a short fixed name, for tables; the message says what happened. */
export class Violation extends Error {
  override readonly name = 'Violation'
  readonly rule: string

  constructor(rule: string, what: string) {
    super(`${rule}: ${what}`)
    this.rule = rule
  }
}

/** Throws a {@link Violation} unless the condition holds. `what` is called only then. */
export function check(condition: boolean, rule: string, what: () => string): asserts condition {
  if (!condition) throw new Violation(rule, what())
}
