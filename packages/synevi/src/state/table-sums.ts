/**
 * A sum for each table of the store (ADR 0032): over its records, of a hash of 64 bits each. What
 * is missing, was added, or is an older value under the same key changes it, which no checksum of a
 * record can notice. Adding and taking away a record costs the same whatever else is there.
 */

import type { Bytes, Mutation } from '@synevi/accord'
import { FieldError, FieldReader, FieldWriter } from './fields.ts'
import { FACT, TABLE, factKey, tableOf } from './key-layout.ts'
import { factMutation } from './node-facts.ts'

/** The hash of one record: two words of 32 bits. */
export interface RecordHash {
  readonly a: number
  readonly b: number
}

/** What the sum of a table counts. */
interface TableSum {
  count: number
  a: number
  b: number
  /** False after a record was restored: the sum is unknown until all of the table was read. */
  isKnown: boolean
}

/** Where the sums stand: they do not count themselves. */
export const SUMS_KEY: Bytes = factKey(FACT.sums)

/** Bytes of a value, its checksum first, that are hashed; the rest the checksum stands for. */
const HEAD_BYTES = 36
const UNKNOWN = 1

/**
 * Of the key, the length of the value, its checksum and its first bytes: as cheap for 1 MiB as for
 * 100 bytes (0.1 µs). It tells honest records apart, and is no proof against who computes one.
 */
export function recordHash(key: Bytes, sealed: Bytes): RecordHash {
  let a = 0x9e37_79b9 ^ sealed.length
  let b = 0x85eb_ca6b ^ key.length
  for (const byte of key) {
    a = Math.imul(a ^ byte, 0x0100_0193)
    b = Math.imul(b + byte, 0xcc9e_2d51) ^ (b >>> 15)
  }
  const end = Math.min(sealed.length, HEAD_BYTES)
  for (let i = 0; i < end; i++) {
    const byte = sealed[i] ?? 0
    a = Math.imul(a ^ byte, 0x0100_0193)
    b = Math.imul(b + byte, 0xcc9e_2d51) ^ (b >>> 15)
  }
  return { a: finish(a ^ (b >>> 7)), b: finish(b ^ (a >>> 3)) }
}

/** The sums of all tables that have, or had, a record. */
export class TableSums {
  readonly #tables = new Map<number, TableSum>()

  add(table: number, hash: RecordHash): void {
    const sum = this.#of(table)
    sum.count += 1
    sum.a = (sum.a + hash.a) | 0
    sum.b = (sum.b + hash.b) | 0
  }

  remove(table: number, hash: RecordHash): void {
    const sum = this.#of(table)
    sum.count -= 1
    sum.a = (sum.a - hash.a) | 0
    sum.b = (sum.b - hash.b) | 0
  }

  /** A record of the table was restored otherwise than it was: its sum is to be found anew. */
  forget(table: number): void {
    this.#of(table).isKnown = false
  }

  /** Takes the sum of a table from a walk that has read all of it. */
  adopt(table: number, found: TableSums): void {
    this.#tables.set(table, { ...found.#of(table), isKnown: true })
  }

  /** Tables whose sum is unknown. */
  unknown(): readonly number[] {
    return [...this.#tables].filter(([, sum]) => !sum.isKnown).map(([table]) => table)
  }

  /** How the records that were `found` differ, by table; what is unknown differs from nothing. */
  differences(found: TableSums): readonly TableDifference[] {
    const tables = new Set([...this.#tables.keys(), ...found.#tables.keys()])
    const differences: TableDifference[] = []
    for (const table of [...tables].sort((a, b) => a - b)) {
      const [mine, theirs] = [this.#of(table), found.#of(table)]
      if (!mine.isKnown) continue
      if (mine.count === theirs.count && mine.a === theirs.a && mine.b === theirs.b) continue
      differences.push({ table, why: difference(table, mine.count, theirs.count) })
    }
    return differences
  }

  /** The mutation that stores them, beside the number of the write that it is a part of. */
  mutation(durableSeq: bigint): Mutation {
    const writer = new FieldWriter(16 + 18 * this.#tables.size)
    writer.uint64(durableSeq).byte(this.#tables.size)
    for (const [table, sum] of this.#tables) {
      writer
        .byte(table)
        .byte(sum.isKnown ? 0 : UNKNOWN)
        .uint64(BigInt.asUintN(64, BigInt(sum.count)))
      writer.uint32(sum.a >>> 0).uint32(sum.b >>> 0)
    }
    return factMutation(FACT.sums, writer.finish())
  }

  /** From what {@link mutation} wrote. Throws `FieldError`. */
  static parse(value: Bytes): { readonly sums: TableSums; readonly durableSeq: bigint } {
    const reader = new FieldReader(value)
    const durableSeq = reader.uint64()
    const sums = new TableSums()
    for (let left = reader.byte(); left > 0; left--) {
      const table = reader.byte()
      const isKnown = reader.byte() !== UNKNOWN
      const count = Number(BigInt.asIntN(64, reader.uint64()))
      if (!Number.isSafeInteger(count)) throw new FieldError('a count is too large')
      const [a, b] = [reader.uint32() | 0, reader.uint32() | 0]
      sums.#tables.set(table, { count, a, b, isKnown })
    }
    reader.finish()
    return { sums, durableSeq }
  }

  #of(table: number): TableSum {
    const found = this.#tables.get(table)
    if (found !== undefined) return found
    const sum = { count: 0, a: 0, b: 0, isKnown: true }
    this.#tables.set(table, sum)
    return sum
  }
}

/** A table that does not hold what was written to it. */
export interface TableDifference {
  readonly table: number
  readonly why: string
}

/** The table of a key. */
export function tableByteOf(key: Bytes): number {
  return key[0] ?? TABLE.fact
}

function difference(table: number, written: number, found: number): string {
  const name = tableOf(Uint8Array.of(table))
  if (found < written) return `${written - found} records of table ${name} are missing`
  if (found > written) return `${found - written} records of table ${name} were never written`
  return `table ${name} has as many records as were written, and not the same`
}

/** Spreads every bit of a word over all of it (the finish of MurmurHash3). */
function finish(word: number): number {
  let h = word ^ (word >>> 16)
  h = Math.imul(h, 0x85eb_ca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2_ae35)
  return h ^ (h >>> 16)
}
