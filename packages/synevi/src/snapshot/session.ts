/** A snapshot on its way, as its receiver knows it. */

import type { Bytes, Mutation, NodeSerial, SnapshotPart } from '@synevi/accord'
import type { Slot } from '../state/slots.ts'
import type { Confirmation } from './confirmation.ts'
import type { FetchEnd } from './fetch-end.ts'
import { decodeManifest, type Manifest } from './manifest.ts'
import { PartReader, type PartPlace } from './part-reader.ts'
import type { Staging } from './staging.ts'

/** Pairs that were checked and are not staged yet. */
export interface Checked {
  readonly mutations: readonly Mutation[]
  /** Of keys and values. */
  readonly bytes: number
  /** Behind them. */
  readonly place: PartPlace
  readonly isLast: boolean
}

/** From the first question to the installed state. */
export interface Session {
  readonly from: NodeSerial
  readonly slot: Slot
  cut: Bytes | undefined
  manifest: Manifest | undefined
  confirmation: Confirmation | undefined
  /** How far it is staged, or being written. */
  staging: Staging | undefined
  reader: PartReader | undefined
  /** Parts that came before their turn. */
  readonly early: Map<number, SnapshotPart>
  /** What comes next to be staged, in order. */
  readonly checked: Checked[]
  /** In `checked`, and in the write under way. */
  heldBytes: number
  /** The first part that was not asked for. */
  askedUntil: number
  /** When a part came last, or there was room again to ask for one. */
  heardAt: number
  /** What is missing is asked for again after so long a silence. */
  repeatMs: number
  readonly ended: (end: FetchEnd) => void
  phase: 'clearing' | 'fetching' | 'confirming' | 'installing'
}

/**
 * A part that did not come is asked for again after so long, then twice as long, and so on: over a
 * slow link a repetition only makes the queue longer.
 */
export const REPEAT_MS = 250

/** Bytes in one write, about: many parts share a flush, and the driver's writes wait for it. */
const WRITE_BYTES = 4_194_304

/** One that begins, or goes on with what is staged. */
export function newSession(parts: {
  readonly from: NodeSerial
  readonly slot: Slot
  readonly staged: Staging | undefined
  readonly now: number
  readonly ended: (end: FetchEnd) => void
}): Session {
  const { from, slot, staged, now, ended } = parts
  return {
    from,
    slot,
    cut: staged?.cut,
    manifest: staged === undefined ? undefined : decodeManifest(staged.manifest),
    confirmation: undefined,
    staging: staged,
    reader: staged === undefined ? undefined : new PartReader(staged),
    early: new Map(),
    checked: [],
    heldBytes: 0,
    askedUntil: staged?.next ?? 0,
    heardAt: now,
    repeatMs: REPEAT_MS,
    ended,
    phase: staged === undefined ? 'clearing' : 'fetching',
  }
}

/** As much as one write holds; the session counts it as staged. */
export function takeChecked(session: Session): {
  readonly mutations: readonly Mutation[]
  readonly bytes: number
  readonly staging: Staging | undefined
} {
  const mutations: Mutation[] = []
  let bytes = 0
  while (bytes < WRITE_BYTES && session.staging !== undefined) {
    const next = session.checked.shift()
    if (next === undefined) break
    bytes += next.bytes
    for (const mutation of next.mutations) mutations.push(mutation)
    const sum = session.staging.bytes + BigInt(next.bytes)
    session.staging = { ...session.staging, ...next.place, bytes: sum, isComplete: next.isLast }
  }
  return { mutations, bytes, staging: session.staging }
}
