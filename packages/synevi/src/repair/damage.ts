/** What a node says about damage in its store. */

/** As the event `damage` tells it. */
export interface DamageEvent {
  readonly table: string
  /** Of the record, hexadecimal; absent when a table as a whole differs. */
  readonly key?: string
  readonly why: string
  /** Whether it was put right, or was just found. */
  readonly state: 'found' | 'repaired'
}

/** As `Node.status` gives it; since open. */
export interface DamageReport {
  /** Passes of the scrubber over all of the store. */
  readonly passes: number
  readonly found: number
  readonly repaired: number
  /** Found, and not put right yet. */
  readonly open: number
}
