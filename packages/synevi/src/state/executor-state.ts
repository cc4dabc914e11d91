/** The state of one executor: its part of the store's keys, as bytes and as tables. */

import type { Bytes } from '@synevi/accord'
import type { Codec, StateReader, StateWriter, Table, TableReader } from '../contract/executor.ts'
import type { Range } from '../contract/store.ts'
import { SyneviError } from '../synevi-error.ts'
import { TABLE, behindPrefix, bytesOfText, textOfBytes } from './key-layout.ts'
import type { StateSink, StateSource } from './state-source.ts'

/** Of a key of an executor: 1 to 512 bytes. */
export const STATE_KEY_BYTES_MAX = 512

/** Of a table's name: 1 to 64 bytes of UTF-8, without a zero byte. */
export const TABLE_NAME_BYTES_MAX = 64

const SPACE_BYTES = '\u0000\u0000'
const SPACE_TABLES = '\u0000\u0001'
const ASCII_NAME = /^[\u0020-\u007e]{1,64}$/
// oxlint-disable-next-line no-control-regex
const ASCII = /^[\u0000-\u007f]*$/

/** Where the keys of one executor stand. Tables and keys of bytes never meet. */
export class ExecutorKeys {
  readonly #spaceTables: string
  /** Of keys of bytes. */
  readonly bytesPrefix: string
  /** The first key behind keys of bytes. */
  readonly bytesEnd: string

  constructor(executor: string) {
    const prefix = String.fromCharCode(TABLE.state) + executor
    this.bytesPrefix = prefix + SPACE_BYTES
    this.bytesEnd = prefix + SPACE_TABLES
    this.#spaceTables = prefix + SPACE_TABLES
  }

  /** Of the keys of a table. Throws `INVALID_ARGUMENT`. */
  tablePrefix(name: string): string {
    if (ASCII_NAME.test(name)) return `${this.#spaceTables}${name}\u0000`
    const text = textOfUtf8(name, 'the name of a table')
    if (text.length === 0 || text.length > TABLE_NAME_BYTES_MAX || text.includes('\u0000')) {
      throw invalid('the name of a table has 1 to 64 bytes and no zero among them')
    }
    return `${this.#spaceTables}${text}\u0000`
  }
}

/**
 * Reads of one executor's state. Throws `INVALID_ARGUMENT` for keys and ranges outside the
 * contract.
 */
export class ExecutorReader implements StateReader {
  readonly #source: StateSource
  readonly #keys: ExecutorKeys

  constructor(source: StateSource, keys: ExecutorKeys) {
    this.#source = source
    this.#keys = keys
  }

  get(key: Bytes): Bytes | undefined {
    return this.#source.get(wholeKey(this.#keys, key))
  }

  scan(range: Range): Iterable<readonly [Bytes, Bytes]> {
    return scanBytes(this.#source, this.#keys, range)
  }

  table<V>(name: string, codec: Codec<V>): TableReader<V> {
    return new StateTable(readOnly(this.#source), this.#keys.tablePrefix(name), codec)
  }
}

/**
 * Reads and writes of one executor's state. Throws `INVALID_ARGUMENT` for keys and ranges outside
 * the contract.
 */
export class ExecutorWriter implements StateWriter {
  readonly #sink: StateSink
  readonly #keys: ExecutorKeys

  constructor(sink: StateSink, keys: ExecutorKeys) {
    this.#sink = sink
    this.#keys = keys
  }

  get(key: Bytes): Bytes | undefined {
    return this.#sink.get(wholeKey(this.#keys, key))
  }

  scan(range: Range): Iterable<readonly [Bytes, Bytes]> {
    return scanBytes(this.#sink, this.#keys, range)
  }

  put(key: Bytes, value: Bytes): void {
    if (!(value instanceof Uint8Array)) throw invalid('a value is bytes')
    this.#sink.put(wholeKey(this.#keys, key), value)
  }

  delete(key: Bytes): void {
    this.#sink.delete(wholeKey(this.#keys, key))
  }

  table<V>(name: string, codec: Codec<V>): Table<V> {
    return new StateTable(this.#sink, this.#keys.tablePrefix(name), codec)
  }
}

class StateTable<V> implements Table<V> {
  readonly #sink: StateSink
  readonly #prefix: string
  readonly #codec: Codec<V>

  constructor(sink: StateSink, prefix: string, codec: Codec<V>) {
    this.#sink = sink
    this.#prefix = prefix
    this.#codec = codec
  }

  get(key: string): V | undefined {
    const value = this.#sink.get(this.#prefix + tableKey(key))
    return value === undefined ? undefined : this.#codec.decode(value)
  }

  put(key: string, value: V): void {
    this.#sink.put(this.#prefix + tableKey(key), this.#codec.encode(value))
  }

  delete(key: string): void {
    this.#sink.delete(this.#prefix + tableKey(key))
  }

  *scan(prefix = ''): Iterable<readonly [string, V]> {
    const from = this.#prefix + textOfUtf8(prefix, 'a prefix')
    for (const [key, value] of this.#sink.scan({ from, until: behindPrefix(from) })) {
      yield [utf8OfText(key.slice(this.#prefix.length)), this.#codec.decode(value)]
    }
  }
}

function* scanBytes(
  source: StateSource,
  keys: ExecutorKeys,
  range: Range,
): Iterable<readonly [Bytes, Bytes]> {
  const { limit } = range
  if (limit !== undefined && (!Number.isSafeInteger(limit) || limit < 0)) {
    throw invalid('the limit of a range is a whole number of 0 or more')
  }
  const from = keys.bytesPrefix + (range.from === undefined ? '' : textOfBytes(range.from))
  const until =
    range.until === undefined ? keys.bytesEnd : keys.bytesPrefix + textOfBytes(range.until)
  for (const [key, value] of source.scan({ from, until, reverse: range.reverse, limit })) {
    yield [new Uint8Array(bytesOfText(key.slice(keys.bytesPrefix.length))), value]
  }
}

function wholeKey(keys: ExecutorKeys, key: Bytes): string {
  if (!(key instanceof Uint8Array)) throw invalid('a key is bytes')
  if (key.length === 0 || key.length > STATE_KEY_BYTES_MAX) {
    throw invalid(`a key has 1 to ${STATE_KEY_BYTES_MAX} bytes, not ${key.length}`)
  }
  return keys.bytesPrefix + textOfBytes(key)
}

function tableKey(key: string): string {
  const text = textOfUtf8(key, 'a key')
  if (text.length === 0 || text.length > STATE_KEY_BYTES_MAX) {
    throw invalid(`a key has 1 to ${STATE_KEY_BYTES_MAX} bytes, not ${text.length}`)
  }
  return text
}

/**
 * One code unit for each byte of UTF-8. A text that is not well formed would be stored as another
 * one.
 */
function textOfUtf8(text: string, what: string): string {
  if (typeof text !== 'string') throw invalid(`${what} is a text`)
  if (ASCII.test(text)) return text
  if (/\p{Surrogate}/u.test(text)) throw invalid(`${what} is not well-formed Unicode`)
  return Buffer.from(text, 'utf8').toString('latin1')
}

function utf8OfText(text: string): string {
  return ASCII.test(text) ? text : Buffer.from(text, 'latin1').toString('utf8')
}

/** For tables of readers, whose types offer no writes: whoever calls them all the same is told. */
function readOnly(source: StateSource): StateSink {
  const refuse = (): never => {
    throw invalid('a view is read only')
  }
  return {
    get: (key) => source.get(key),
    scan: (range) => source.scan(range),
    put: refuse,
    delete: refuse,
  }
}

function invalid(why: string): SyneviError {
  return new SyneviError('INVALID_ARGUMENT', `cannot use the state: ${why}`, { definite: true })
}
