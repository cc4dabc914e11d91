/**
 * The applied marks (`protocol.md` 1.6): the last applied transaction for `'all'`, and for each key
 * since.
 */

import { conflictKey, type Mark, type Marks, type Mutation } from '@synevi/accord'
import { FieldReader, FieldWriter } from './fields.ts'
import { TABLE, markKey, tableEnd, tableStart, textOfBytes } from './key-layout.ts'
import { reading, seal, unseal, type Source } from './sealed.ts'

/**
 * The marks in memory, to know what an `'all'` mark clears; changes are gathered until the next
 * write.
 */
export class MarkTable {
  readonly #marks: Map<Mark['key'], Mark>
  readonly #changed = new Set<Mark['key']>()

  constructor(marks: Marks) {
    this.#marks = new Map(marks.map((mark) => [mark.key, mark]))
  }

  /** An `'all'` mark clears every other; else the marks of these keys are replaced. */
  apply(marks: Marks): void {
    for (const mark of marks) {
      if (mark.key === 'all') this.#clear()
      this.#marks.set(mark.key, mark)
      this.#changed.add(mark.key)
    }
  }

  /** What changed since the last call: each key once, however often it changed. */
  mutations(): readonly Mutation[] {
    const mutations: Mutation[] = []
    for (const changed of this.#changed) {
      const key = markKey(changed, changed === 'all')
      const mark = this.#marks.get(changed)
      const value = mark === undefined ? undefined : seal(key, formatMark(mark))
      mutations.push({ key, value })
    }
    this.#changed.clear()
    return mutations
  }

  #clear(): void {
    for (const key of this.#marks.keys()) this.#changed.add(key)
    this.#marks.clear()
  }
}

/** `'all'` first, then by key. Throws `STORE_FAILED`. */
export function readMarks(store: Source): Marks {
  const marks: Mark[] = []
  for (const [key, sealed] of store.scan({
    from: tableStart(TABLE.mark),
    until: tableEnd(TABLE.mark),
  })) {
    const reader = new FieldReader(unseal(key, sealed))
    marks.push(
      reading(key, () => ({
        key: key[1] === 0 ? 'all' : conflictKey(textOfBytes(key.subarray(2))),
        id: reader.timestamp(),
        at: reader.timestamp(),
      })),
    )
  }
  return marks
}

function formatMark(mark: Mark): Uint8Array {
  return new FieldWriter(32).timestamp(mark.id).timestamp(mark.at).finish()
}
