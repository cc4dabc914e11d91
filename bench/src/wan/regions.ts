/** Regions and the round trips between them, from a file. */

import { readFileSync } from 'node:fs'

/** Where there are members, and how far apart. */
export interface Regions {
  /** Where the figures are from, and of when. */
  readonly source: string
  readonly names: readonly string[]
  /** Milliseconds there and back, the same both ways; 0 within a region. */
  readonly roundTripsMs: readonly (readonly number[])[]
}

/** Throws a `RangeError` for a file that is not such a table. */
export function readRegions(path: string): Regions {
  const file: unknown = JSON.parse(readFileSync(path, 'utf8'))
  const wrong = (why: string): never => {
    throw new RangeError(`${path}: ${why}`)
  }
  if (typeof file !== 'object' || file === null) return wrong('not an object')
  const names = listOf(field(file, 'regions'), (each) => typeof each === 'string')
  const rows = listOf(field(file, 'roundTripsMs'), Array.isArray)
  const source = field(file, 'source')
  if (typeof source !== 'string' || names === undefined || rows === undefined) {
    return wrong('needs source, regions and roundTripsMs')
  }
  const table = rows.map((row) => listOf(row, isRoundTrip) ?? wrong('a row of no numbers'))
  const isSymmetric = table.every((row, from) =>
    row.every((ms, to) => ms === table[to]?.[from] && (from === to) === (ms === 0)),
  )
  if (!isSymmetric || table.some((row) => row.length !== names.length) || names.length === 0) {
    return wrong('not a table of all pairs, alike both ways')
  }
  return { source, names: names.map(String), roundTripsMs: table }
}

/**
 * The least a commit through a member in that region can take: one round trip to the farthest of
 * the nearest members that make a fast quorum with it (`protocol.md` 2.1).
 */
export function idealMs({ names, roundTripsMs }: Regions, region: number): number {
  const n = names.length
  const f = Math.floor((n - 1) / 2)
  const fast = Math.max(2 * f, n - f)
  const nearest = (roundTripsMs[region] ?? []).toSorted((a, b) => a - b)
  return nearest[fast - 1] ?? 0
}

function field(of: object, name: string): unknown {
  return Reflect.get(of, name)
}

function listOf<T>(value: unknown, is: (each: unknown) => each is T): readonly T[] | undefined {
  return Array.isArray(value) && value.every(is) ? value : undefined
}

function isRoundTrip(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 60_000
}
