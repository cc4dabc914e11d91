/**
 * A sorted set of strings in chunks: put, remove and seek in logarithmic time and short moves of
 * memory.
 */

const CHUNK_MAX = 512

/** Strings in the order of their code units, without repetition. */
export class SortedKeys {
  /** Never holds an empty chunk. */
  readonly #chunks: string[][] = []

  /** Harmless when present. */
  add(key: string): void {
    const place = this.#chunkOf(key)
    const chunk = this.#chunks[place]
    if (chunk === undefined) {
      const last = this.#chunks.at(-1)
      if (last === undefined) this.#chunks.push([key])
      else this.#insert(this.#chunks.length - 1, last, last.length, key)
      return
    }
    const index = lowerBound(chunk, key)
    if (chunk[index] !== key) this.#insert(place, chunk, index, key)
  }

  /** Harmless when absent. */
  delete(key: string): void {
    const place = this.#chunkOf(key)
    const chunk = this.#chunks[place]
    if (chunk === undefined) return
    const index = lowerBound(chunk, key)
    if (chunk[index] !== key) return
    chunk.splice(index, 1)
    if (chunk.length === 0) this.#chunks.splice(place, 1)
  }

  /**
   * The least key that is `key` or above it, or without `key` the least; undefined when there is
   * none.
   */
  atOrAbove(key: string | undefined): string | undefined {
    if (key === undefined) return this.#chunks[0]?.[0]
    const chunk = this.#chunks[this.#chunkOf(key)]
    return chunk?.[lowerBound(chunk, key)]
  }

  /** The least key above `key`. */
  above(key: string): string | undefined {
    // Nothing lies between a string and itself with the least code unit behind it.
    return this.atOrAbove(`${key}\u0000`)
  }

  /** The greatest key below `key`, or without `key` the greatest; undefined when there is none. */
  below(key: string | undefined): string | undefined {
    if (key === undefined) return this.#chunks.at(-1)?.at(-1)
    const place = this.#chunkOf(key)
    const chunk = this.#chunks[place]
    const index = chunk === undefined ? 0 : lowerBound(chunk, key)
    return index > 0 ? chunk?.[index - 1] : this.#chunks[place - 1]?.at(-1)
  }

  #insert(place: number, chunk: string[], index: number, key: string): void {
    if (index === chunk.length) chunk.push(key)
    else chunk.splice(index, 0, key)
    if (chunk.length <= CHUNK_MAX) return
    // Keys that only rise (a log) would leave half-filled chunks behind: split off a short tail.
    const cut = index === chunk.length - 1 ? chunk.length - 1 : chunk.length >> 1
    this.#chunks.splice(place + 1, 0, chunk.splice(cut))
  }

  /** The first chunk whose last key is `key` or above it. */
  #chunkOf(key: string): number {
    let low = 0
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >> 1
      const last = this.#chunks[middle]?.at(-1)
      if (last !== undefined && last < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

function lowerBound(chunk: readonly string[], key: string): number {
  let low = 0
  let high = chunk.length
  while (low < high) {
    const middle = (low + high) >> 1
    const there = chunk[middle]
    if (there !== undefined && there < key) low = middle + 1
    else high = middle
  }
  return low
}
