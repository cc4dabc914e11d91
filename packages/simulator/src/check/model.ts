/**
 * The sequential model: what registers, a key-value table and lists must answer, one operation at a
 * time.
 *
 * Written from the documentation of the operations, without a look at the executors that it judges.
 * Operations by `f`:
 *
 * - `put` of [key, value]: the value before, or null
 * - `delete` of key: the value before, or null
 * - `get` of key: the value, or null
 * - `cas` of [key, expected or null, value]: `{ ok: true }`, or `{ ok: false, actual }`
 * - `txn` of micro-operations, in order: the same, reads filled in
 * - `throw` of anything: `{ failed: true }`, and no effect
 * - `kv.write` of [key, value]: null
 * - `kv.delete` of key: null
 * - `kv.read` of key: the value, or null
 * - `kv.cas` of [key, expected or null, value or null]: `{ ok: true }`, or `{ ok: false, found }`
 *
 * The `kv.` operations have a table of their own; a null means absence.
 *
 * Micro-operations: `['r', key, null]` reads a list, `['append', key, value]` adds to its end.
 */

import { isList, type Json } from './history.ts'

/** A state machine: applies one operation after the other. */
export interface Model {
  /** What the operation answers in the present state; changes the state as it says. */
  apply(f: string, asked: Json): Json
  /** An independent copy. */
  copy(): Model
  /** Equal states have equal texts. */
  fingerprint(): string
}

/** An operation that the model does not know: a defect of the workload, not of the system. */
export class UnknownOperation extends Error {
  override readonly name = 'UnknownOperation'
}

/** Whether an operation never changes the state. */
export function isReadOnly(f: string, asked: Json): boolean {
  if (f === 'get' || f === 'kv.read') return true
  return f === 'txn' && isList(asked) && asked.every((each) => isList(each) && each[0] === 'r')
}

/** Whether an entry of this kind leaves the position alone that later reads claim to show. */
export function leavesNoPosition(f: string): boolean {
  return f === 'throw' || f.startsWith('kv.')
}

interface Parts {
  readonly values: Map<string, Json>
  readonly lists: Map<string, readonly Json[]>
  readonly table: Map<string, Json>
}

/** Registers and lists, as documented above. */
export class KvListModel implements Model {
  readonly #values: Map<string, Json>
  readonly #lists: Map<string, readonly Json[]>
  readonly #table: Map<string, Json>

  constructor(from?: Parts) {
    this.#values = new Map(from?.values)
    this.#lists = new Map(from?.lists)
    this.#table = new Map(from?.table)
  }

  apply(f: string, asked: Json): Json {
    switch (f) {
      case 'txn':
        return this.#txn(asked)
      case 'get':
        return this.#values.get(key(asked)) ?? null
      case 'delete': {
        const before = this.#values.get(key(asked)) ?? null
        this.#values.delete(key(asked))
        return before
      }
      case 'put': {
        const [name, value] = fields(asked, 2)
        const before = this.#values.get(key(name)) ?? null
        this.#values.set(key(name), value ?? null)
        return before
      }
      case 'cas':
        return this.#cas(asked)
      case 'throw':
        return { failed: true }
      default:
        return this.#kv(f, asked)
    }
  }

  copy(): KvListModel {
    return new KvListModel({ values: this.#values, lists: this.#lists, table: this.#table })
  }

  fingerprint(): string {
    const sorted = (map: Map<string, Json | readonly Json[]>): readonly unknown[] =>
      [...map].sort(([a], [b]) => (a < b ? -1 : 1))
    return JSON.stringify([sorted(this.#values), sorted(this.#lists), sorted(this.#table)])
  }

  #cas(asked: Json): Json {
    const [name, expected, value] = fields(asked, 3)
    const actual = this.#values.get(key(name)) ?? null
    if (actual !== (expected ?? null)) return { ok: false, actual }
    this.#values.set(key(name), value ?? null)
    return { ok: true }
  }

  #kv(f: string, asked: Json): Json {
    const [name, second, third] = isList(asked) ? asked : [asked]
    const found = this.#table.get(key(name)) ?? null
    const set = (value: Json | undefined): void => {
      if (value === undefined || value === null) this.#table.delete(key(name))
      else this.#table.set(key(name), value)
    }
    switch (f) {
      case 'kv.read':
        return found
      case 'kv.write':
        set(second)
        return null
      case 'kv.delete':
        set(null)
        return null
      case 'kv.cas':
        if (found !== (second ?? null)) return { ok: false, found }
        set(third)
        return { ok: true }
      default:
        throw new UnknownOperation(`no such operation: ${f}`)
    }
  }

  #txn(asked: Json): Json {
    return list(asked).map((each): Json => {
      const [kind, name, value] = fields(each, 3)
      const before = this.#lists.get(key(name)) ?? []
      if (kind === 'r') return ['r', name ?? null, before]
      if (kind !== 'append') throw new UnknownOperation('micro-operations are r and append')
      this.#lists.set(key(name), [...before, value ?? null])
      return each
    })
  }
}

function key(value: Json | undefined): string {
  if (typeof value === 'string') return value
  throw new UnknownOperation('a key is a string')
}

function list(value: Json): readonly Json[] {
  if (isList(value)) return value
  throw new UnknownOperation('not a list')
}

function fields(value: Json, count: number): readonly Json[] {
  const found = list(value)
  if (found.length !== count) throw new UnknownOperation(`not ${count} fields`)
  return found
}
