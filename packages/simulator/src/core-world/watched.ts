/** Every wait has someone who ends it (`protocol.md` 7.1): a round led here, or a timer. */

import { isZero, type TxnId, type TxnRecord } from '@synevi/accord'
import type { CoreNode } from './core-node.ts'
import { check } from './violation.ts'

interface Image {
  readonly stopped: boolean
  readonly records: readonly TxnRecord[]
  readonly rounds: readonly { readonly id: TxnId }[]
  readonly progress: readonly { readonly id: TxnId; readonly at: unknown }[]
  readonly reads: { readonly rounds: readonly ReadImage[] }
  readonly floors: { readonly closedBefore: TxnId }
}

/** `ids` and `marks`: what it waits for; `at`: its timer while it waits for answers. */
interface ReadImage {
  readonly ids: readonly TxnId[] | undefined
  readonly marks: readonly { readonly id: TxnId }[]
  readonly at: unknown
}

/**
 * Whatever a node knows and lacks the outcome or the payload of, and whatever undecided something
 * decided there waits for, is driven by a round or has a timer. Throws a Violation.
 */
export function checkWatched(node: CoreNode): void {
  if (!node.alive) return
  const image = node.image()
  check(isImage(image), 'harness', () => 'the image of a replica has records, rounds and timers')
  if (image.stopped) return
  const driven = new Set(image.rounds.map(({ id }) => id))
  for (const { id, at } of image.progress) if (at !== undefined) driven.add(id)
  checkReads(node, image, driven)
  const known = new Map(image.records.map((record) => [record.id, record]))
  for (const record of image.records) {
    for (const id of waitedFor(record)) {
      const other = id === record.id ? undefined : (known.get(id) ?? node.store.record(id))
      check(
        driven.has(id) || other?.outcome !== undefined || id < image.floors.closedBefore,
        'unwatched wait',
        () => `n${node.serial}: ${record.id} waits for ${id}, and nothing here will end that`,
      )
    }
  }
}

/** A read waits for answers, with a timer, or for transactions that lack their outcome here. */
function checkReads(node: CoreNode, image: Image, driven: ReadonlySet<TxnId>): void {
  const known = new Map(image.records.map((record) => [record.id, record]))
  for (const { ids, marks, at } of image.reads.rounds) {
    if (ids === undefined) {
      check(at !== undefined, 'unwatched wait', () => `n${node.serial}: a read without a timer`)
      continue
    }
    for (const id of [...ids, ...marks.map((mark) => mark.id)]) {
      check(
        driven.has(id) ||
          id < image.floors.closedBefore ||
          (known.get(id) ?? node.store.record(id))?.outcome !== undefined,
        'unwatched wait',
        () => `n${node.serial}: a read waits for ${id}, and nothing here will end that`,
      )
    }
  }
}

/** Itself, while it lacks its outcome or payload; the deps of what is decided and not applied. */
function waitedFor(record: TxnRecord): readonly TxnId[] {
  const { id, vote, accepted, promised, outcome, applied, txn } = record
  if (outcome === undefined)
    return vote !== undefined || accepted !== undefined || !isZero(promised) ? [id] : []
  if (applied || outcome.kind === 'invalidated') return []
  const deps = (outcome.deps?.ids ?? []).filter((dep) => dep !== id)
  return txn === undefined ? [id, ...deps] : deps
}

function isImage(image: unknown): image is Image {
  return (
    typeof image === 'object' &&
    image !== null &&
    'stopped' in image &&
    'records' in image &&
    'rounds' in image &&
    'progress' in image &&
    'reads' in image &&
    'floors' in image
  )
}
