/** Files of records: the lengths of key and value, 16 and 32 bits, then both; nothing else. */

import { createHash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bytes } from '@synevi/accord'
import { damagedBackup, type BackupFile } from './manifest.ts'

const HEAD_BYTES = 6
const KEY_BYTES_MAX = 1024
const CHUNK_BYTES = 262_144

/** A key and its sealed value. */
export type Pair = readonly [Bytes, Bytes]

/** Writes one file, in pieces of a quarter of a MiB. */
export class RecordFileWriter {
  readonly #handle: FileHandle
  readonly #hash = createHash('sha256')
  readonly #chunk = Buffer.alloc(CHUNK_BYTES)
  #used = 0
  #bytes = 0
  #records = 0

  private constructor(handle: FileHandle) {
    this.#handle = handle
  }

  /** The file must not exist. Rejects as `node:fs` does, as do the others. */
  static async create(path: string): Promise<RecordFileWriter> {
    return new RecordFileWriter(await open(path, 'wx', 0o600))
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
    await this.#handle.sync()
    await this.#handle.close()
    return { records: this.#records, bytes: this.#bytes, sha256: this.#hash.digest('hex') }
  }

  /** After a failure: lets go of the file. */
  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => {})
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
    for (let at = 0; at < part.length;) at += (await this.#handle.write(part, at)).bytesWritten
    this.#used = 0
  }
}

/**
 * The records of a file in order, a list for each piece read. Throws `STORE_FAILED` when the file
 * is not the one that was written: at the end at the latest.
 */
export async function* readRecordFile(
  directory: string,
  file: BackupFile,
): AsyncGenerator<readonly Pair[], void, undefined> {
  const handle = await openFile(join(directory, file.name))
  try {
    const sum = createHash('sha256')
    let rest: Bytes = new Uint8Array(0)
    let left = file.bytes
    let records = 0
    for (;;) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES)
      if (bytesRead === 0) break
      const chunk = buffer.subarray(0, bytesRead)
      sum.update(chunk)
      left -= bytesRead
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
  } finally {
    await handle.close()
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (error) {
    throw damagedBackup(`${path} cannot be read`, error)
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
