/** A directed graph over operations, and its cycles (Tarjan, without recursion). */

/** Why one operation stands before another. */
export type EdgeKind = 'ww' | 'wr' | 'rw' | 'process' | 'realtime'

/** Vertices are 0 … size-1; of several edges between two vertices all kinds are kept. */
export class Graph {
  readonly #edges: Map<number, Set<EdgeKind>>[]

  constructor(size: number) {
    this.#edges = Array.from({ length: size }, () => new Map<number, Set<EdgeKind>>())
  }

  get size(): number {
    return this.#edges.length
  }

  add(from: number, to: number, kind: EdgeKind): void {
    if (from === to) return
    const edges = this.#edges[from]
    const kinds = edges?.get(to)
    if (kinds !== undefined) kinds.add(kind)
    else edges?.set(to, new Set([kind]))
  }

  kinds(from: number, to: number): ReadonlySet<EdgeKind> {
    return this.#edges[from]?.get(to) ?? new Set()
  }

  /** The vertices reached by edges of these kinds. */
  successors(from: number, allowed: ReadonlySet<EdgeKind>): number[] {
    const found: number[] = []
    for (const [to, kinds] of this.#edges[from] ?? []) {
      for (const kind of kinds) {
        if (!allowed.has(kind)) continue
        found.push(to)
        break
      }
    }
    return found
  }

  /** The strongly connected components with more than one vertex, over edges of these kinds. */
  components(allowed: ReadonlySet<EdgeKind>): readonly (readonly number[])[] {
    return new Tarjan(this, allowed).run()
  }

  /** A shortest cycle through `from` that stays among `among`; starts and ends with it. */
  cycle(from: number, among: ReadonlySet<number>, allowed: ReadonlySet<EdgeKind>): number[] {
    const cameFrom = new Map<number, number>()
    const queue = [from]
    for (const vertex of queue) {
      for (const next of this.successors(vertex, allowed)) {
        if (next === from) return pathTo(vertex, from, cameFrom)
        if (!among.has(next) || cameFrom.has(next)) continue
        cameFrom.set(next, vertex)
        queue.push(next)
      }
    }
    return []
  }

  /** A shortest path from `from` to `to`, both included; empty when there is none. */
  path(from: number, to: number, allowed: ReadonlySet<EdgeKind>): number[] {
    const cameFrom = new Map<number, number>()
    const queue = [from]
    for (const vertex of queue) {
      for (const next of this.successors(vertex, allowed)) {
        if (next === to) return [...pathTo(vertex, from, cameFrom).slice(0, -1), to]
        if (next === from || cameFrom.has(next)) continue
        cameFrom.set(next, vertex)
        queue.push(next)
      }
    }
    return []
  }
}

/** From `start` to `last`, then `start` again. */
function pathTo(last: number, start: number, cameFrom: ReadonlyMap<number, number>): number[] {
  const back: number[] = []
  for (let at: number | undefined = last; at !== undefined && at !== start; at = cameFrom.get(at)) {
    back.push(at)
  }
  return [start, ...back.reverse(), start]
}

interface Frame {
  readonly vertex: number
  readonly next: readonly number[]
  at: number
}

/** Tarjan's algorithm with its own stack. */
class Tarjan {
  readonly #graph: Graph
  readonly #allowed: ReadonlySet<EdgeKind>
  readonly #index = new Map<number, number>()
  readonly #low = new Map<number, number>()
  readonly #onStack = new Set<number>()
  readonly #stack: number[] = []
  readonly #found: number[][] = []

  constructor(graph: Graph, allowed: ReadonlySet<EdgeKind>) {
    this.#graph = graph
    this.#allowed = allowed
  }

  run(): readonly (readonly number[])[] {
    for (let vertex = 0; vertex < this.#graph.size; vertex++) {
      if (!this.#index.has(vertex)) this.#from(vertex)
    }
    return this.#found
  }

  #from(root: number): void {
    const frames = [this.#enter(root)]
    for (let frame = frames[frames.length - 1]; frame !== undefined; frame = frames.at(-1)) {
      const next = frame.next[frame.at++]
      if (next === undefined) {
        frames.pop()
        this.#leave(frame.vertex)
        const above = frames[frames.length - 1]
        if (above !== undefined) this.#lower(above.vertex, this.#low.get(frame.vertex) ?? 0)
      } else if (!this.#index.has(next)) {
        frames.push(this.#enter(next))
      } else if (this.#onStack.has(next)) {
        this.#lower(frame.vertex, this.#index.get(next) ?? 0)
      }
    }
  }

  #enter(vertex: number): Frame {
    this.#low.set(vertex, this.#index.size)
    this.#index.set(vertex, this.#index.size)
    this.#stack.push(vertex)
    this.#onStack.add(vertex)
    return { vertex, next: this.#graph.successors(vertex, this.#allowed), at: 0 }
  }

  #lower(vertex: number, to: number): void {
    this.#low.set(vertex, Math.min(this.#low.get(vertex) ?? 0, to))
  }

  #leave(vertex: number): void {
    if (this.#low.get(vertex) !== this.#index.get(vertex)) return
    const component: number[] = []
    for (let top = this.#stack.pop(); top !== undefined; top = this.#stack.pop()) {
      this.#onStack.delete(top)
      component.push(top)
      if (top === vertex) break
    }
    if (component.length > 1) this.#found.push(component.reverse())
  }
}
