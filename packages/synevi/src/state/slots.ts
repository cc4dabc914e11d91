/**
 * Two places for what a snapshot replaces (ADR 0026): a snapshot is staged into the slot that is
 * not current, one small write makes it current, and what was current is cleared afterwards.
 *
 * Marks, log, places, request memory and executor state are in a slot: in slot A under the bytes of
 * `key-layout.ts`, in slot B under the same with the high bit set. Facts, peers and records belong
 * to the node and stand in neither. Everything above this file knows the keys of slot A alone,
 * which seals are made for as well: a sealed value is the same in both slots, and on other nodes.
 */

import { invariant, type Bytes, type Mutation } from '@synevi/accord'
import type { Range, Store } from '../contract/store.ts'
import { FieldReader, FieldWriter } from './fields.ts'
import { FACT, TABLE, factKey, type Table } from './key-layout.ts'
import { getSealed, reading, seal, type Source } from './sealed.ts'

/** Where the current state is. */
export type Slot = 'A' | 'B'

/** What is known of the slots. */
export interface Slots {
  readonly current: Slot
  /** Whether the other one may hold anything: it is cleared before a snapshot is staged there. */
  readonly otherIsEmpty: boolean
}

/** The tables that are in a slot, by their first byte in slot A, in order. */
export const SLOT_TABLES: readonly Table[] = [
  TABLE.mark,
  TABLE.log,
  TABLE.place,
  TABLE.request,
  TABLE.requestPage,
  TABLE.state,
]

const IN_SLOT: ReadonlySet<number> = new Set(SLOT_TABLES)
const HIGH_BIT = 0x80

/** The other one. */
export function otherSlot(slot: Slot): Slot {
  return slot === 'A' ? 'B' : 'A'
}

/** Slot A and an empty slot B for a store that never took a snapshot. Throws `STORE_FAILED`. */
export function readSlots(source: Source): Slots {
  const key = factKey(FACT.slots)
  const value = getSealed(source, key)
  if (value === undefined) return { current: 'A', otherIsEmpty: true }
  return reading(key, () => {
    const reader = new FieldReader(value)
    const slots: Slots = {
      current: reader.byte() === 0 ? 'A' : 'B',
      otherIsEmpty: reader.byte() === 0,
    }
    reader.finish()
    return slots
  })
}

/** Says which slot is current, and whether the other may hold anything. */
export function formatSlots(slots: Slots): Mutation {
  const writer = new FieldWriter(2).byte(slots.current === 'A' ? 0 : 1)
  writer.byte(slots.otherIsEmpty ? 0 : 1)
  const key = factKey(FACT.slots)
  return { key, value: seal(key, writer.finish()) }
}

/** The store as it looks from one slot. Slot A is the store itself. */
export function storeOfSlot(store: Store, slot: Slot): Store {
  return slot === 'A' ? store : new SlotBStore(store)
}

/** What was pinned, as it looks from one slot. */
export function sourceOfSlot(source: Source, slot: Slot): Source {
  return slot === 'A' ? source : new SlotBSource(source)
}

/** Where a key of slot A stands in a slot. */
export function keyInSlot(key: Bytes, slot: Slot): Bytes {
  return slot === 'A' || !IN_SLOT.has(key[0] ?? 0) ? key : moved(key)
}

/** The key that the seal of a value is made for: that of slot A. */
export function sealKeyOf(key: Bytes): Bytes {
  const first = key[0] ?? 0
  if (!IN_SLOT.has(first & ~HIGH_BIT) || first < HIGH_BIT) return key
  const own = Uint8Array.from(key)
  own[0] = first & ~HIGH_BIT
  return own
}

/** Mutations of keys of slot A, as mutations of a slot. */
export function inSlot(batch: readonly Mutation[], slot: Slot): readonly Mutation[] {
  if (slot === 'A') return batch
  return batch.map(({ key, value }) => ({ key: keyInSlot(key, slot), value }))
}

/** The keys of one table in a slot, for whoever goes through the store itself. */
export function tableRange(
  table: Table,
  slot: Slot,
): { readonly from: Bytes; readonly until: Bytes } {
  const first = slot === 'A' ? table : table | HIGH_BIT
  return { from: Uint8Array.of(first), until: Uint8Array.of(first + 1) }
}

class SlotBSource implements Source {
  readonly #source: Source

  constructor(source: Source) {
    this.#source = source
  }

  get(key: Bytes): Bytes | undefined {
    return this.#source.get(keyInSlot(key, 'B'))
  }

  /** A range lies within one table, or within those that are in no slot. */
  *scan(range: Range): Iterable<readonly [Bytes, Bytes]> {
    const first = range.from?.[0]
    if (first === undefined || !IN_SLOT.has(first)) {
      yield* this.#source.scan(range)
      return
    }
    for (const [key, value] of this.#source.scan(rangeInSlotB(range, first))) {
      const own = Uint8Array.from(key)
      own[0] = first
      yield [own, value]
    }
  }
}

class SlotBStore extends SlotBSource implements Store {
  readonly #store: Store
  readonly hasRoom?: () => boolean
  readonly sizeBytes?: () => number

  constructor(store: Store) {
    super(store)
    this.#store = store
    if (store.hasRoom !== undefined) this.hasRoom = () => store.hasRoom?.() ?? true
    if (store.sizeBytes !== undefined) this.sizeBytes = () => store.sizeBytes?.() ?? 0
  }

  write(batch: readonly Mutation[]): Promise<void> {
    return this.#store.write(inSlot(batch, 'B'))
  }

  close(): Promise<void> {
    return this.#store.close()
  }
}

function rangeInSlotB(range: Range, table: number): Range {
  const { from, until } = range
  const end = Uint8Array.of((table | HIGH_BIT) + 1)
  const isOpen = until === undefined || (until.length === 1 && until[0] === table + 1)
  invariant(isOpen || until?.[0] === table, 'a range lies within one table')
  return {
    ...range,
    ...(from === undefined ? {} : { from: moved(from) }),
    until: isOpen || until === undefined ? end : moved(until),
  }
}

function moved(key: Bytes): Bytes {
  const other = Uint8Array.from(key)
  other[0] = (key[0] ?? 0) | HIGH_BIT
  return other
}
