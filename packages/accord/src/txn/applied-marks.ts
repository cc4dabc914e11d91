/** The applied past, one mark for each key (`protocol.md` 1.6): what is covered here. */

import { invariant } from '../invariant.ts'
import { TIMESTAMP_ZERO, type Timestamp, type TxnId } from '../time/timestamp.ts'
import { canonicalMarks, type Mark, type MarkKey } from './deps.ts'
import type { Keys } from './keys.ts'

/** `lastAll` and `lastApplied[k]`, the latter only for keys touched since. */
export class AppliedMarks {
  readonly #marks = new Map<MarkKey, Mark>()

  constructor(marks: readonly Mark[] = []) {
    for (const mark of marks) this.#marks.set(mark.key, mark)
  }

  /** The greatest applied executeAt that conflicts with `keys`. */
  max(keys: Keys): Timestamp {
    let max = this.lastAll
    if (keys === 'all') {
      for (const mark of this.#marks.values()) if (mark.at > max) max = mark.at
      return max
    }
    for (const key of keys) {
      const mark = this.#marks.get(key)
      if (mark !== undefined && mark.at > max) max = mark.at
    }
    return max
  }

  /**
   * Something conflicting at or above `t` is applied here: if this is decided at `t`, it is applied
   * here (5.4).
   */
  covers(keys: Keys, t: Timestamp): boolean {
    return t <= this.max(keys)
  }

  /** Whether everything the mark stands for is applied here (`protocol.md` 5.1). */
  resolves(mark: Mark): boolean {
    if (mark.at <= this.lastAll) return true
    if (mark.key === 'all') return false
    const own = this.#marks.get(mark.key)
    return own !== undefined && mark.at <= own.at
  }

  /** The marks that stand for the applied part of the deps of `keys`. Canonical. */
  of(keys: Keys): readonly Mark[] {
    if (keys === 'all') return canonicalMarks([...this.#marks.values()])
    const all = this.#marks.get('all')
    const marks: Mark[] = all === undefined ? [] : [all]
    for (const key of keys) {
      const mark = this.#marks.get(key)
      if (mark !== undefined) marks.push(mark)
    }
    return canonicalMarks(marks)
  }

  /**
   * What changes when a transaction with `keys` is applied at `at`. Per key the applied timestamps
   * rise strictly.
   */
  advance(parts: { keys: Keys; id: TxnId; at: Timestamp }): readonly Mark[] {
    invariant(parts.at > this.max(parts.keys), 'per key the applied timestamps rise strictly')
    const { id, at } = parts
    const changed: Mark[] =
      parts.keys === 'all' ? [{ key: 'all', id, at }] : parts.keys.map((key) => ({ key, id, at }))
    if (parts.keys === 'all') this.#marks.clear()
    for (const mark of changed) this.#marks.set(mark.key, mark)
    return changed
  }

  get lastAll(): Timestamp {
    return this.#marks.get('all')?.at ?? TIMESTAMP_ZERO
  }

  copy(): AppliedMarks {
    return new AppliedMarks([...this.#marks.values()])
  }
}
