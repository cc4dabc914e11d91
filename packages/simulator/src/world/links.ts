/** Which node can reach which: cuts by direction, counted, so that faults may overlap. */

/** A directed link from one serial to another. */
export interface DirectedLink {
  readonly from: number
  readonly to: number
}

/** Cuts of directed links. Each cut must be lifted once; a link passes when no cut is left. */
export class Links {
  readonly #cuts = new Map<number, number>()

  cut(link: DirectedLink): void {
    const key = keyOf(link)
    this.#cuts.set(key, (this.#cuts.get(key) ?? 0) + 1)
  }

  lift(link: DirectedLink): void {
    const key = keyOf(link)
    const left = (this.#cuts.get(key) ?? 0) - 1
    if (left > 0) this.#cuts.set(key, left)
    else this.#cuts.delete(key)
  }

  passes(link: DirectedLink): boolean {
    return this.#cuts.size === 0 || !this.#cuts.has(keyOf(link))
  }

  /** Lifts every cut for which the test says so. */
  liftWhere(test: (link: DirectedLink) => boolean): void {
    for (const key of [...this.#cuts.keys()]) {
      if (test({ from: key >>> 16, to: key & 0xffff })) this.#cuts.delete(key)
    }
  }

  /** Whether anything is cut. */
  get any(): boolean {
    return this.#cuts.size > 0
  }
}

function keyOf(link: DirectedLink): number {
  return (link.from << 16) | link.to
}
