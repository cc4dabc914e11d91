/** Requests that wait, first come first served, counted in requests and bytes. */

/** What waits, by its size. */
export interface Sized {
  readonly bytes: number
}

/** A queue that gives up its middle as cheaply as its head. */
export class RequestQueue<T extends Sized> {
  #entries = new Set<T>()
  #bytes = 0

  get size(): number {
    return this.#entries.size
  }

  get bytes(): number {
    return this.#bytes
  }

  add(entry: T): void {
    this.#entries.add(entry)
    this.#bytes += entry.bytes
  }

  /** They came first and go first. */
  addInFront(entries: readonly T[]): void {
    for (const { bytes } of entries) this.#bytes += bytes
    this.#entries = new Set([...entries, ...this.#entries])
  }

  /** Whether it was there. */
  delete(entry: T): boolean {
    if (!this.#entries.delete(entry)) return false
    this.#bytes -= entry.bytes
    return true
  }

  /** Removes the first, at most so many; of one that is larger than `bytesMax`, it alone. */
  take(max: { readonly count: number; readonly bytes: number }): readonly T[] {
    const taken: T[] = []
    let bytes = 0
    for (const entry of this.#entries) {
      if (taken.length >= max.count || (taken.length > 0 && bytes + entry.bytes > max.bytes)) break
      taken.push(entry)
      bytes += entry.bytes
      this.#entries.delete(entry)
    }
    this.#bytes -= bytes
    return taken
  }

  /** Removes all, in order. */
  clear(): readonly T[] {
    const all = [...this.#entries]
    this.#entries.clear()
    this.#bytes = 0
    return all
  }
}
