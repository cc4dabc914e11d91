/** Files of records: the lengths of key and value, 16 and 32 bits, then both; nothing else. */

import { createHash } from 'node:crypto'
import type { Bytes } from '@synevi/accord'
import type { BackupPlace, BackupSink } from '../contract/backup-place.ts'
import { damagedBackup, type BackupFile } from './manifest.ts'

const HEAD_BYTES = 6
const KEY_BYTES_MAX = 1024
const CHUNK_BYTES = 262_144

/** A key and its sealed value. */
export type Pair = readonly [Bytes, Bytes]

/** Writes one file, in pieces of a quarter of a MiB. */
export class RecordFileWriter {
  readonly #sink: BackupSink
  readonly #hash = createHash('sha256')
  readonly #chunk = Buffer.alloc(CHUNK_BYTES)
  #used = 0
  #bytes = 0
  #records = 0

  /** Of a file that is empty. Rejects as the sink does. */
  constructor(sink: BackupSink) {
    this.#sink = sink
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Resolves at once unless a piece is full. */
  async add([key, value]: Pair): Promise<void> {
    const head = Buffer.alloc(HEAD_BYTES)
    head.writeUInt16BE(key.length, 0)
    head.writeUInt32BE(value.length, 2)
    for (const part of [head, key, value]) await this.#append(part)
    this.#records++
  }

  /** Durable when it resolves. */
  async finish(): Promise<Pick<BackupFile, 'records' | 'bytes' | 'sha256'>> {
    await this.#flush()
    await this.#sink.close()
    return { records: this.#records, bytes: this.#bytes, sha256: this.#hash.digest('hex') }
  }

  async #append(bytes: Bytes): Promise<void> {
    this.#bytes += bytes.length
    for (let at = 0; at < bytes.length;) {
      const part = bytes.subarray(at, at + CHUNK_BYTES - this.#used)
      this.#chunk.set(part, this.#used)
      this.#used += part.length
      at += part.length
      if (this.#used === CHUNK_BYTES) await this.#flush()
    }
  }

  async #flush(): Promise<void> {
    const part = this.#chunk.subarray(0, this.#used)
    this.#hash.update(part)
    await this.#sink.write(part)
    this.#used = 0
  }
}

/**
 * The records of a file in order, a list for each piece read. Throws `STORE_FAILED` when the file
 * is not the one that was written: at the end at the latest.
 */
export async function* readRecordFile(
  place: BackupPlace,
  file: BackupFile,
): AsyncGenerator<readonly Pair[], void, undefined> {
  const sum = createHash('sha256')
  let rest: Bytes = new Uint8Array(0)
  let left = file.bytes
  let records = 0
  for await (const chunk of piecesOf(place, file.name)) {
    sum.update(chunk)
    left -= chunk.length
    if (left < 0) break
    const whole = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const { pairs, rest: after } = cut(whole, left)
    rest = after
    records += pairs.length
    yield pairs
  }
  const isWhole = left === 0 && rest.length === 0 && records === file.records
  if (!isWhole || sum.digest('hex') !== file.sha256)
    throw damagedBackup(`file ${file.name} is not what was written`)
}

/** What cannot be read is damaged: throws `STORE_FAILED`. */
export async function* piecesOf(
  place: BackupPlace,
  file: string,
): AsyncGenerator<Bytes, void, undefined> {
  const pieces = place.read(file)[Symbol.asyncIterator]()
  try {
    for (;;) {
      const piece = await nextOf(pieces, `${file} of ${place.name}`)
      if (piece.done === true) return
      yield piece.value
    }
  } finally {
    await pieces.return?.()
  }
}

async function nextOf(
  pieces: AsyncIterator<Bytes, unknown>,
  what: string,
): Promise<IteratorResult<Bytes, unknown>> {
  try {
    return await pieces.next()
  } catch (error) {
    throw damagedBackup(`${what} cannot be read; is it complete?`, error)
  }
}

/** Whole records at the front; `left`: bytes of the file that follow. */
function cut(bytes: Bytes, left: number): { pairs: Pair[]; rest: Bytes } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const pairs: Pair[] = []
  let at = 0
  while (bytes.length - at >= HEAD_BYTES) {
    const keyBytes = view.getUint16(at)
    const end = at + HEAD_BYTES + keyBytes + view.getUint32(at + 2)
    if (keyBytes === 0 || keyBytes > KEY_BYTES_MAX || end > bytes.length + left)
      throw damagedBackup('a record has an impossible length')
    if (end > bytes.length) break
    const key = new Uint8Array(bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + keyBytes))
    pairs.push([key, new Uint8Array(bytes.subarray(at + HEAD_BYTES + keyBytes, end))])
    at = end
  }
  return { pairs, rest: bytes.subarray(at) }
}
