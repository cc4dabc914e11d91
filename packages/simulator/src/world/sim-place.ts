/** Where simulated backups are: writing takes virtual time, and ends with its process. */

import type { Bytes } from '@synevi/accord'
import { SyneviError, type BackupDraft, type BackupPlace, type BackupSink } from 'synevi'
import type { EventQueue } from '../event-queue.ts'
import type { Prng } from '../prng.ts'
import type { SimProcess } from './process.ts'

/** Bytes of one piece as it is read. */
const PIECE_BYTES = 4_096

/** The files of one backup. */
export class SimPlace implements BackupPlace {
  readonly name = 'a simulated place'
  readonly #files: Map<string, Bytes>
  readonly #writer: Writer | undefined

  private constructor(files: Map<string, Bytes>, writer?: Writer) {
    this.#files = files
    this.#writer = writer
  }

  /** An empty one, for a process. `fails`: how likely each call is refused. */
  static empty(writer: Writer): SimPlace {
    return new SimPlace(new Map(), writer)
  }

  begin(): Promise<BackupDraft> {
    const writer = this.#writer
    if (writer === undefined || this.#files.size > 0) {
      const why = 'there is a backup already'
      return Promise.reject(new SyneviError('INVALID_ARGUMENT', why, { definite: true }))
    }
    return after(writer, () => new SimDraft(writer, this.#files))
  }

  async *read(file: string): AsyncGenerator<Bytes, void, undefined> {
    const bytes = this.#files.get(file)
    if (bytes === undefined) throw new Error(`there is no file ${file}`)
    for (let at = 0; at < bytes.length; at += PIECE_BYTES)
      yield Uint8Array.from(bytes.subarray(at, at + PIECE_BYTES))
  }

  /** A copy in which one bit is another, and where. */
  flipped(random: Prng): { readonly place: SimPlace; readonly where: string } {
    const files = new Map(this.#files)
    const total = [...files.values()].reduce((sum, { length }) => sum + length, 0)
    let at = random.below(total)
    for (const [name, bytes] of files) {
      if (at >= bytes.length) {
        at -= bytes.length
        continue
      }
      const bit = random.below(8)
      const copy = Uint8Array.from(bytes)
      copy[at] = (copy[at] ?? 0) ^ (1 << bit)
      files.set(name, copy)
      return { place: new SimPlace(files), where: `bit ${bit} of byte ${at} of ${name}` }
    }
    return { place: new SimPlace(files), where: 'nowhere' }
  }
}

/** Who writes, and what that suffers. */
export interface Writer {
  readonly queue: EventQueue
  readonly process: SimProcess
  readonly random: Prng
  readonly fails: number
}

class SimDraft implements BackupDraft {
  readonly #writer: Writer
  readonly #published: Map<string, Bytes>
  readonly #files = new Map<string, Bytes>()

  constructor(writer: Writer, published: Map<string, Bytes>) {
    this.#writer = writer
    this.#published = published
  }

  create(file: string): Promise<BackupSink> {
    return after(this.#writer, () => {
      this.#files.set(file, new Uint8Array(0))
      return {
        write: (bytes) => {
          const copy = Uint8Array.from(bytes)
          return after(this.#writer, () => {
            const before = this.#files.get(file) ?? new Uint8Array(0)
            this.#files.set(file, Buffer.concat([before, copy]))
          })
        },
        close: () => after(this.#writer, () => {}),
      }
    })
  }

  publish(): Promise<void> {
    return after(this.#writer, () => {
      for (const [name, bytes] of this.#files) this.#published.set(name, bytes)
    })
  }

  discard(): Promise<void> {
    return after({ ...this.#writer, fails: 0 }, () => this.#files.clear())
  }
}

/** Some time later, in the process, unless that has ended. */
function after<T>(writer: Writer, run: () => T): Promise<T> {
  const { queue, process, random, fails } = writer
  if (!process.admits()) return new Promise(() => {})
  const fail = fails > 0 && random.chance(fails)
  return new Promise((resolve, reject) => {
    queue.after(random.logBetween(50, 20_000), () =>
      process.enter(() => {
        if (fail) reject(new Error('the place refuses'))
        else resolve(run())
      }),
    )
  })
}
