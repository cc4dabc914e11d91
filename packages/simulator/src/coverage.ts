/**
 * What happened, counted: a batch in which something never happened proves nothing about it
 * (`testing.md` 2.5).
 */

/** Each must be above 0 in every batch of 1,000 seeds. */
export const SOMETIMES = [
  'fast path',
  'slow path',
  'decided by recovery',
  'pre-empted by a higher ballot',
  'recovery of idOnly',
  'recovery of preAccepted',
  'recovery of accepted',
  'recovery of acceptedInvalid',
  'recovery proposes the id',
  'recovery proposes later',
  'recovery proposes an accepted value',
  'recovery invalidates',
  'two recoveries at once',
  'own recovery after restart',
  'answered though pre-empted',
  'blocked for a second',
  'dep with a later executeAt',
  'batch of several',
  'batch invalidated and submitted again',
  'catch-up served',
  'caught up',
  'duplicate answered from memory',
  'duplicate answered after restart',
  'clock reserve extended',
  'refused: tooFarAhead',
  'DIVERGED',
  'AMNESIA',
  'epoch opened',
  'epoch finished',
  'removed',
  'removed, and dismissed',
  'changed: join',
  'changed: leave',
  'changed: replace',
  'store failure stops the node',
  'read-only by space',
  'features switched on',
  'life of before',
  'life of hold',
  'refused to the release before',
  'backup taken',
  'cluster restored',
  'damaged backup refused',
  'restored state compared',
  'restored request remembered',
  'later request applied anew',
  'frame of another cluster refused',
  'restored history judged',
  'definite failure',
  'unknown outcome',
] as const

/** Counts by name; names that nobody foresaw are counted as well. */
export class Coverage {
  readonly #counts = new Map<string, number>()

  count(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by)
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  /** By name, sorted. */
  all(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  add(counts: Readonly<Record<string, number>>): void {
    for (const [name, count] of Object.entries(counts)) this.count(name, count)
  }

  /** What never happened. */
  missing(): readonly string[] {
    return SOMETIMES.filter((name) => this.of(name) === 0)
  }
}

/** What the gates ask of one seed with faults (`testing.md` 2.4). */
export interface Work {
  readonly nodes: number
  readonly requests: number
  readonly definite: number
  readonly overlapping: number
  readonly messageFaults: number
  readonly partitions: number
  readonly crashes: number
  readonly pauses: number
  readonly diskFaults: number
}

/** Why a seed is thin; undefined when it counts. */
export function whyThin(work: Work): string | undefined {
  const least = (name: string, found: number, wanted: number): string | undefined =>
    found >= wanted ? undefined : `${name}: ${found}, wanted ${wanted}`
  const alone = work.nodes === 1
  return (
    (alone ? undefined : least('message faults', work.messageFaults, 50)) ??
    (alone ? undefined : least('partitions', work.partitions, 2)) ??
    least('crashes', work.crashes, 2) ??
    least('pauses', work.pauses, 1) ??
    least('requests concurrent with a fault', work.overlapping, 10) ??
    least('definite outcomes', work.definite, Math.ceil(0.6 * work.requests)) ??
    least('requests', work.requests, 20)
  )
}
