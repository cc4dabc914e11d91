/**
 * WGL linearizability (`testing.md` 2.7, checker 2), for small histories without a witness.
 *
 * Wing and Gong's search with Lowe's memory of visited configurations: every order that real time
 * allows is tried, one operation at a time, until one fits the model. A search that exceeds its
 * limit is invalid, never valid.
 */

import { type Operation, describe, mergeAttempts, sameJson } from './history.ts'
import type { Model } from './model.ts'

/** `exceeded` is no verdict, and counts as invalid wherever a verdict is asked for. */
export type LinearVerdict =
  | { readonly kind: 'valid' }
  | { readonly kind: 'invalid'; readonly why: string }
  | { readonly kind: 'exceeded'; readonly steps: number }

/** Whether a verdict may be counted as a success. */
export function isValid(verdict: LinearVerdict): boolean {
  return verdict.kind === 'valid'
}

/**
 * Judges the operations on one object (a key, a stream, or a whole small database). `stepsMax`
 * bounds the search; it is a count and not a time, so that a verdict does not depend on the
 * computer.
 */
export function checkLinearizable(parts: {
  operations: readonly Operation[]
  model: () => Model
  stepsMax: number
}): LinearVerdict {
  // Definite failures never happened; what they wanted plays no part.
  const operations = mergeAttempts(parts.operations).filter((each) => each.outcome !== 'fail')
  const search = new Search(operations, parts.stepsMax)
  return search.run(parts.model())
}

/**
 * Splits by key, where every operation names one: `keyOf` says which. Far cheaper than the whole.
 */
export function splitByKey(
  operations: readonly Operation[],
  keyOf: (operation: Operation) => string | undefined,
): ReadonlyMap<string, readonly Operation[]> {
  const groups = new Map<string, Operation[]>()
  for (const each of operations) {
    const key = keyOf(each)
    if (key === undefined) continue
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [each])
    else group.push(each)
  }
  return groups
}

interface Level {
  readonly state: Model
  /** The operation taken to come here; -1 at the root. */
  readonly taken: number
  /** What may be taken next, and how far we are. */
  readonly candidates: readonly number[]
  at: number
}

class Search {
  readonly #operations: readonly Operation[]
  readonly #stepsMax: number
  readonly #done: boolean[]
  readonly #visited = new Set<string>()
  #left: number
  #steps = 0
  #deepest = 0
  #stuckAt = ''

  constructor(operations: readonly Operation[], stepsMax: number) {
    this.#operations = operations
    this.#stepsMax = stepsMax
    this.#done = operations.map(() => false)
    this.#left = operations.filter((each) => each.outcome === 'ok').length
  }

  run(initial: Model): LinearVerdict {
    const levels: Level[] = [this.#level(initial, -1)]
    while (this.#left > 0) {
      const level = levels[levels.length - 1]
      if (level === undefined) return { kind: 'invalid', why: this.#stuckAt }
      const index = level.candidates[level.at++]
      if (index === undefined) {
        levels.pop()
        this.#mark(level.taken, false)
        continue
      }
      if (++this.#steps > this.#stepsMax) return { kind: 'exceeded', steps: this.#steps }
      const state = this.#try(index, level.state)
      if (state === undefined) continue
      this.#mark(index, true)
      if (this.#isNew(state)) levels.push(this.#level(state, index))
      else this.#mark(index, false)
    }
    return { kind: 'valid' }
  }

  /** The state after it, or undefined when its answer does not fit. */
  #try(index: number, before: Model): Model | undefined {
    const operation = this.#operations[index]
    if (operation === undefined) return undefined
    const state = before.copy()
    const answer = state.apply(operation.f, operation.asked)
    if (operation.outcome === 'info' || sameJson(answer, operation.answer)) return state
    const depth = this.#done.filter(Boolean).length
    if (depth >= this.#deepest) {
      this.#deepest = depth
      const would = `${describe(operation)} would answer ${JSON.stringify(answer)}`
      this.#stuckAt = `no order fits: after ${depth} operations ${would}`
    }
    return undefined
  }

  #level(state: Model, taken: number): Level {
    let firstEnd = Infinity
    for (const [i, each] of this.#operations.entries()) {
      if (this.#done[i] !== true && each.end < firstEnd) firstEnd = each.end
    }
    const candidates: number[] = []
    for (const [i, each] of this.#operations.entries()) {
      if (this.#done[i] !== true && each.start <= firstEnd) candidates.push(i)
    }
    return { state, taken, candidates, at: 0 }
  }

  #mark(index: number, done: boolean): void {
    if (index < 0) return
    this.#done[index] = done
    if (this.#operations[index]?.outcome === 'ok') this.#left += done ? -1 : 1
  }

  #isNew(state: Model): boolean {
    const taken = this.#done.map((each) => (each ? '1' : '0')).join('')
    const key = `${taken} ${state.fingerprint()}`
    if (this.#visited.has(key)) return false
    this.#visited.add(key)
    return true
  }
}
