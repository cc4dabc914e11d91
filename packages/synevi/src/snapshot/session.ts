/** A snapshot on its way, as its receiver knows it. */

import type { Bytes, NodeSerial, SnapshotPart } from '@synevi/accord'
import type { Slot } from '../state/slots.ts'
import type { Confirmation } from './confirmation.ts'
import type { FetchEnd } from './fetch-end.ts'
import type { Manifest } from './manifest.ts'
import type { PartReader } from './part-reader.ts'
import type { Staging } from './staging.ts'

/** From the first question to the installed state. */
export interface Session {
  readonly from: NodeSerial
  readonly slot: Slot
  cut: Bytes | undefined
  manifest: Manifest | undefined
  confirmation: Confirmation | undefined
  staging: Staging | undefined
  reader: PartReader | undefined
  /** Parts that came before their turn. */
  readonly early: Map<number, SnapshotPart>
  /** The first part that was not asked for. */
  askedUntil: number
  heardAt: number
  readonly ended: (end: FetchEnd) => void
  phase: 'clearing' | 'fetching' | 'confirming' | 'installing'
}
