/**
 * The key-value executor that everybody gets, as part of a workload: whole values, compare and set.
 */

import type { Bytes } from '@synevi/accord'
import { type Executor, Kv, KvExecutor, type Shape, outputOf, resultOf } from 'synevi'
import type { Json } from '../check/history.ts'
import type { Prng } from '../prng.ts'
import type { Step } from './workload.ts'

/** Its kinds of operations. */
export const KV_OPERATIONS: readonly string[] = [
  'kv.write',
  'kv.delete',
  'kv.read',
  'kv.cas',
  'kv.get',
]

/** Draws operations and reads answers; `value` gives values that were never used. */
export class KvWorkload {
  readonly #value: () => number

  constructor(value: () => number) {
    this.#value = value
  }

  executors(): readonly Executor[] {
    return [KvExecutor]
  }

  next(operation: string, key: string, random: Prng): Step {
    const value = this.#value()
    switch (operation) {
      case 'kv.write':
        return submit('kv.write', [key, value], Kv.write({ key, value: bytesOf(value) }))
      case 'kv.delete':
        return submit('kv.delete', key, Kv.delete(key))
      case 'kv.read':
        return submit('kv.read', key, Kv.read(key))
      case 'kv.cas': {
        const expected = random.chance(0.3) ? undefined : Math.max(0, value - random.between(1, 12))
        const next = random.chance(0.2) ? undefined : value
        const asked = [key, expected ?? null, next ?? null]
        return submit(
          'kv.cas',
          asked,
          Kv.cas({ key, expected: optional(expected), value: optional(next) }),
        )
      }
      default: {
        const { name, payload } = Kv.get(key)
        return {
          kind: 'read',
          f: 'kv.read',
          asked: key,
          name,
          payload,
          consistency: 'linearizable',
        }
      }
    }
  }

  async answerOf(f: string, ok: boolean, value: Bytes): Promise<Json> {
    const outcome = { ok, value }
    if (f === 'kv.read') {
      const result = await resultOf(Kv.read(''), outcome)
      return result.ok ? jsonOf(result.value) : { ok: false }
    }
    if (f !== 'kv.cas') return ok ? null : { ok: false }
    const result = await resultOf(
      Kv.cas({ key: '', expected: undefined, value: undefined }),
      outcome,
    )
    return result.ok ? { ok: true } : { ok: false, found: jsonOf(result.error.found) }
  }

  /** Its answers do not say where they stand. */
  readOf(value: Bytes): { value: Json; position: undefined } {
    const found = outputOf(Kv.get(''), value)
    return { value: found instanceof Promise ? null : jsonOf(found), position: undefined }
  }

  operationOf(name: string, payload: Bytes): { f: string; asked: Json } | undefined {
    switch (name) {
      case 'kv/write': {
        const { key, value } = decoded(Kv.write.input, payload)
        return { f: 'kv.write', asked: [key, jsonOf(value)] }
      }
      case 'kv/cas': {
        const { key, expected, value } = decoded(Kv.cas.input, payload)
        return { f: 'kv.cas', asked: [key, jsonOf(expected), jsonOf(value)] }
      }
      case 'kv/delete':
        return { f: 'kv.delete', asked: decoded(Kv.delete.input, payload) }
      case 'kv/read':
        return { f: 'kv.read', asked: decoded(Kv.read.input, payload) }
      default:
        return undefined
    }
  }
}

function submit(f: string, asked: Json, of: { name: string; payload: Bytes }): Step {
  return { kind: 'submit', f, asked, name: of.name, payload: of.payload }
}

function bytesOf(value: number): Bytes {
  return Buffer.from(String(value))
}

function optional(value: number | undefined): Bytes | undefined {
  return value === undefined ? undefined : bytesOf(value)
}

function jsonOf(value: Bytes | undefined): Json {
  return value === undefined ? null : Number(Buffer.from(value).toString())
}

function decoded<T>(shape: Shape<T>, bytes: Bytes): T {
  if ('decode' in shape) return shape.decode(bytes)
  throw new TypeError('not a codec')
}
