/** State rebuilt from the disk equals memory, once everything is stored (`protocol.md` 13.1.12). */

import type { TxnRecord } from '@synevi/accord'
import { canonical } from './canonical.ts'
import type { CoreNode } from './core-node.ts'
import { check } from './violation.ts'

interface Image {
  readonly records: readonly TxnRecord[]
  readonly marks: unknown
  readonly clock: unknown
}

/**
 * Compares a node that runs and waits for no write with what its disk would make of it. Throws a
 * Violation.
 */
export function checkRebuilt(node: CoreNode): void {
  if (!node.alive || node.hasWrite) return
  const image = node.image()
  check(isImage(image), 'harness', () => 'the image of a replica has records, marks and clock')
  const { live: stored, marks, hlcReserve, floors } = node.store.state()
  // What is closed goes from the disk in slices, and a restart looks away.
  const live = stored.filter(({ id }) => id >= floors.closedBefore)
  const inMemory = image.records.filter(
    (record) =>
      record.id >= floors.closedBefore && !record.applied && record.outcome?.kind !== 'invalidated',
  )
  const where = (): string => `n${node.serial}`
  check(
    canonical(inMemory) === canonical(live),
    'rebuilt',
    () => `${where()}: live records differ from the disk`,
  )
  check(
    canonical(image.marks) === canonical(marks),
    'rebuilt',
    () => `${where()}: marks differ from the disk`,
  )
  for (const record of image.records) {
    const stored = node.store.record(record.id)
    check(
      canonical(stored) === canonical(record),
      'rebuilt',
      () => `${where()}: ${record.id} differs from the disk`,
    )
  }
  check(
    typeof image.clock === 'bigint' && image.clock <= hlcReserve,
    'rebuilt',
    () => `${where()}: clock above reserve`,
  )
}

function isImage(image: unknown): image is Image {
  return (
    typeof image === 'object' &&
    image !== null &&
    'records' in image &&
    'marks' in image &&
    'clock' in image
  )
}
