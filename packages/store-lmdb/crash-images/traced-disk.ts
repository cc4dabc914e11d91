/**
 * A directory as a trace built it, and as a loss of power could leave it at any moment. What a
 * completed sync covers is there; a write through `O_DSYNC` is there when it has returned; of the
 * rest, anything may be missing. Names are there once their directory was synced, or earlier.
 */

import { basename, dirname } from 'node:path'
import { descriptorOf, lastNumberOf, stringsOf, type Call } from './trace.ts'

/** Files by name. */
export type Image = ReadonlyMap<string, Buffer>

const SECTOR = 512

interface Inode {
  durable: Buffer
}

interface Pending {
  readonly inode: Inode
  readonly at: number
  readonly bytes: Buffer
  /** The call that writes it. */
  readonly id: number
}

interface Descriptor {
  /** Undefined for the directory itself. */
  readonly inode: Inode | undefined
  readonly isSyncing: boolean
  offset: number
}

/** Give it every call of the trace, in order, and ask between them. */
export class TracedDisk {
  readonly #directory: string
  readonly #descriptors = new Map<number, Descriptor>()
  #names = new Map<string, Inode>()
  #durableNames = new Map<string, Inode>()
  #pending: Pending[] = []
  /** What was pending when a sync began. */
  readonly #syncs = new Map<
    number,
    { readonly covered: ReadonlySet<Pending>; readonly names: Map<string, Inode> }
  >()
  /** How many batches the writer has said were written. */
  acknowledged = 0

  constructor(directory: string) {
    this.#directory = directory
  }

  /** True if the call changed what a loss of power could leave, or what was promised. */
  apply(call: Call): boolean {
    const failed = call.phase === 'end' && (call.result === undefined || call.result < 0)
    if (failed) return false
    switch (call.name) {
      case 'openat':
        return call.phase === 'end' && this.#open(call)
      case 'close':
        if (call.phase === 'end') this.#descriptors.delete(descriptorOf(call.args))
        return false
      case 'write':
      case 'pwrite64':
      case 'writev':
        return this.#write(call)
      case 'lseek':
        if (call.phase === 'end') this.#seek(call)
        return false
      case 'fsync':
      case 'fdatasync':
        return this.#sync(call)
      case 'rename':
      case 'link':
      case 'unlink':
        return call.phase === 'end' && this.#rename(call)
      default:
        if (this.#descriptors.has(descriptorOf(call.args)))
          throw new Error(`a call the model does not know: ${call.name}`)
        return false
    }
  }

  /** The directory as it is now, all of it. */
  now(): Image {
    return this.#image(this.#names, this.#pending)
  }

  /** What could be found after a loss of power at this moment. */
  *afterPowerLoss(): Iterable<Image> {
    const pending = this.#pending
    for (const names of [this.#durableNames, this.#names]) {
      yield this.#image(names, [])
      for (let count = 1; count <= pending.length; count++) {
        const last = pending[count - 1]
        if (last === undefined) continue
        const before = pending.slice(0, count - 1)
        yield this.#image(names, [...before, last])
        yield this.#image(names, [...before, { ...last, bytes: torn(last) }])
        yield this.#image(names, [last])
        yield this.#image(
          names,
          pending.filter((write) => write !== last),
        )
      }
    }
  }

  #open(call: Call): boolean {
    const path = String(stringsOf(call.args)[0])
    const isDirectory = path === this.#directory
    if (!isDirectory && dirname(path) !== this.#directory) return false
    // LMDB makes its lock file anew when nobody holds it, and ours then names another start of the
    // computer.
    if (basename(path).includes('lock')) return false
    const isSyncing = call.args.includes('O_DSYNC') || call.args.includes('O_SYNC')
    let inode: Inode | undefined
    if (!isDirectory) {
      inode = this.#names.get(basename(path)) ?? { durable: Buffer.alloc(0) }
      if (call.args.includes('O_TRUNC')) this.#names.delete(basename(path))
      this.#names.set(basename(path), inode)
    }
    if (call.result !== undefined)
      this.#descriptors.set(call.result, { inode, isSyncing, offset: 0 })
    return true
  }

  #write(call: Call): boolean {
    const number = descriptorOf(call.args)
    if (call.name === 'write' && number === 1 && call.phase === 'end') {
      // Children of the writer write to a descriptor 1 of their own.
      const isWord = /^acknowledged \d+\n$/.test(String(stringsOf(call.args)[0]))
      if (isWord) this.acknowledged++
      return isWord
    }
    const descriptor = this.#descriptors.get(number)
    if (descriptor?.inode === undefined) return false
    if (call.phase === 'begin') {
      const bytes = Buffer.concat(stringsOf(call.args))
      const at = call.name === 'pwrite64' ? lastNumberOf(call.args) : descriptor.offset
      if (call.name !== 'pwrite64') descriptor.offset += bytes.length
      this.#pending.push({ inode: descriptor.inode, at, bytes, id: call.id })
      return true
    }
    if (descriptor.isSyncing)
      this.#settle(new Set(this.#pending.filter(({ id }) => id === call.id)))
    return true
  }

  #seek(call: Call): void {
    const descriptor = this.#descriptors.get(descriptorOf(call.args))
    if (descriptor !== undefined && call.result !== undefined) descriptor.offset = call.result
  }

  #sync(call: Call): boolean {
    const descriptor = this.#descriptors.get(descriptorOf(call.args))
    if (descriptor === undefined) return false
    if (call.phase === 'begin') {
      const covered = new Set(this.#pending.filter(({ inode }) => inode === descriptor.inode))
      this.#syncs.set(call.id, { covered, names: new Map(this.#names) })
      return false
    }
    const sync = this.#syncs.get(call.id)
    if (sync === undefined) throw new Error('a sync ended that did not begin')
    if (descriptor.inode === undefined) this.#durableNames = sync.names
    else this.#settle(sync.covered)
    return true
  }

  #rename(call: Call): boolean {
    const [from = '', to = ''] = stringsOf(call.args).map(String)
    const inode = this.#names.get(basename(from))
    if (dirname(from) !== this.#directory || inode === undefined) return false
    if (call.name !== 'link') this.#names.delete(basename(from))
    if (call.name !== 'unlink') this.#names.set(basename(to), inode)
    return true
  }

  #settle(done: ReadonlySet<Pending>): void {
    for (const write of this.#pending)
      if (done.has(write)) write.inode.durable = written(write.inode.durable, write)
    this.#pending = this.#pending.filter((write) => !done.has(write))
  }

  #image(names: ReadonlyMap<string, Inode>, writes: readonly Pending[]): Image {
    const contents = new Map<Inode, Buffer>()
    for (const write of writes) {
      contents.set(write.inode, written(contents.get(write.inode) ?? write.inode.durable, write))
    }
    return new Map([...names].map(([name, inode]) => [name, contents.get(inode) ?? inode.durable]))
  }
}

function written(content: Buffer, { at, bytes }: Pick<Pending, 'at' | 'bytes'>): Buffer {
  const result = Buffer.alloc(Math.max(content.length, at + bytes.length))
  content.copy(result)
  bytes.copy(result, at)
  return result
}

/** Without what lies in its last sector. */
function torn({ at, bytes }: Pending): Buffer {
  const end = Math.floor((at + bytes.length - 1) / SECTOR) * SECTOR
  return bytes.subarray(0, Math.max(0, end - at))
}
