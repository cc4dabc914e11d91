/** How taking a snapshot goes, and how it ended. */

import { unreachable, type NodeSerial } from '@synevi/accord'

/** How taking a snapshot ended. */
export type FetchEnd =
  | { readonly kind: 'installed' }
  /** This node had applied what the snapshot had not: it needs none. */
  | { readonly kind: 'ahead' }
  /** May be tried again, with another member too. */
  | { readonly kind: 'failed'; readonly why: string }

/** How far a snapshot is. */
export interface SnapshotProgress {
  readonly from: NodeSerial
  /** Staged so far. */
  readonly bytes: bigint
  /** About the whole; 0: not known. */
  readonly bytesExpected: bigint
  /** To which it will take this node. */
  readonly position: bigint
}

/** Says how taking a snapshot ended, for people. */
export function describeEnd(end: FetchEnd): string {
  switch (end.kind) {
    case 'installed':
      return 'it was installed'
    case 'ahead':
      return 'this node has applied what the snapshot has not'
    case 'failed':
      return end.why
    default:
      return unreachable(end)
  }
}
