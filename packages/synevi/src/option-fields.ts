/**
 * Reads a foreign object field by field and collects what is wrong with it, so that all of it is
 * said at once.
 */

import { SyneviError } from './synevi-error.ts'

/** One wrong field. `got` names the type or a short value, never contents. */
export interface WrongField {
  readonly path: string
  readonly expected: string
  readonly got: string
}

/** A foreign object whose keys were checked. */
export type Fields = Readonly<Record<string, unknown>>

/**
 * Each method answers a usable value and notes the field when it was wrong: call `conclude` before
 * using any.
 */
export class OptionFields {
  readonly #wrong: WrongField[] = []

  /** Notes an error that no single check finds. */
  wrong(path: string, expected: string, value: unknown): void {
    this.#wrong.push({ path, expected, got: shown(value) })
  }

  /** Throws `INVALID_ARGUMENT` (definite) that names every field noted. */
  conclude(what: string): void {
    if (this.#wrong.length === 0) return
    const list = this.#wrong.map(
      ({ path, expected, got }) => `${path}: expected ${expected}, got ${got}`,
    )
    throw new SyneviError('INVALID_ARGUMENT', `cannot ${what}: ${list.join('; ')}`, {
      definite: true,
      details: { fields: this.#wrong },
    })
  }

  /** An object with no other keys than these; absent is empty. */
  object(path: string, value: unknown, keys: readonly string[]): Fields {
    if (value === undefined) return {}
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.wrong(path, 'an object', value)
      return {}
    }
    for (const key of Object.keys(value)) {
      if (!keys.includes(key))
        this.wrong(`${path}.${key}`, `no such option; there are ${keys.join(', ')}`, 'it')
    }
    return { ...value }
  }

  list(path: string, value: unknown): readonly unknown[] {
    if (value === undefined) return []
    if (Array.isArray(value)) return value
    this.wrong(path, 'an array', value)
    return []
  }

  /** A whole number from min to max. */
  count(
    path: string,
    value: unknown,
    range: { readonly byDefault: number; readonly min: number; readonly max: number },
  ): number {
    if (value === undefined) return range.byDefault
    if (
      typeof value === 'number' &&
      Number.isSafeInteger(value) &&
      value >= range.min &&
      value <= range.max
    )
      return value
    this.wrong(path, `a whole number from ${range.min} to ${range.max}`, value)
    return range.byDefault
  }

  /** Text that matches. */
  text(
    path: string,
    value: unknown,
    form: { readonly pattern: RegExp; readonly expected: string },
  ): string {
    if (typeof value === 'string' && form.pattern.test(value)) return value
    this.wrong(path, form.expected, value)
    return ''
  }

  /** Anything that the predicate knows, or the default when absent. */
  value<T>(
    path: string,
    value: unknown,
    kind: {
      readonly is: (value: unknown) => value is T
      readonly expected: string
      readonly byDefault: T | undefined
    },
  ): T | undefined {
    if (value === undefined && kind.byDefault !== undefined) return kind.byDefault
    if (kind.is(value)) return value
    this.wrong(path, kind.expected, value)
    return undefined
  }
}

/** Whether it is an object (or a class's instance) with all these methods. */
export function hasMethods(value: unknown, names: readonly string[]): boolean {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return false
  return names.every((name) => name in value && typeof Reflect.get(value, name) === 'function')
}

function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > 80 ? `text of ${value.length} characters` : JSON.stringify(value)
    case 'number':
    case 'bigint':
    case 'boolean':
    case 'undefined':
      return String(value)
    default:
      return value === null
        ? 'null'
        : Array.isArray(value)
          ? `an array of ${value.length}`
          : `of type ${typeof value}`
  }
}
