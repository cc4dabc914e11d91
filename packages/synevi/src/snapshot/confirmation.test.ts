/** When a snapshot is confirmed, contradicted, or taken though nobody can tell. */

import { nodeSerial, TIMESTAMP_ZERO, type HashAtOk } from '@synevi/accord'
import { describe, expect, test } from 'vitest'
import { Confirmation } from './confirmation.ts'

const HASH = new Uint8Array(32).fill(7)
const OTHER = new Uint8Array(32).fill(8)
const WATERMARK = { position: 5n, executeAt: TIMESTAMP_ZERO, txnHash: HASH, execHash: HASH }

/** Of a cluster of so many: node 0 takes the snapshot of node 1. */
class Taking {
  readonly confirmation: Confirmation
  readonly asked: number[] = []
  readonly #reachable: ReadonlySet<number>
  #now = 0

  constructor(voters: number, ...reachable: readonly number[]) {
    this.#reachable = new Set(reachable)
    const others = Array.from({ length: voters }, (_, serial) => nodeSerial(serial)).slice(2)
    this.confirmation = new Confirmation({
      watermark: WATERMARK,
      others: () => others,
      mayBeAway: () => Math.floor((voters - 1) / 2),
      isReachable: (serial) => this.#reachable.has(serial),
      ask: (to) => void this.asked.push(to),
      now: () => this.#now,
    })
  }

  /** It is staged, and waits. */
  wait(seconds: number): string {
    for (let i = 0; i <= seconds * 4; i++, this.#now += 250) this.confirmation.tick(true)
    return this.confirmation.verdict
  }

  heard(from: number, execHash: Uint8Array | undefined, position = 5n): string {
    const txnHash = execHash === undefined ? undefined : HASH
    const message: HashAtOk = { kind: 'hashAtOk', position, txnHash, execHash }
    this.confirmation.heard(nodeSerial(from), message)
    return this.confirmation.verdict
  }
}

describe('a snapshot', () => {
  test('is confirmed, or contradicted, by the first that can tell', () => {
    expect(new Taking(3, 2).heard(2, HASH)).toBe('confirmed')
    expect(new Taking(3, 2).heard(2, OTHER)).toBe('contradicted')
    expect(new Taking(3, 2).heard(2, undefined)).toBe('open')
    expect(new Taking(3, 2).heard(2, OTHER, 4n)).toBe('open')
  })

  test('is taken from the only other voter of two', () => {
    expect(new Taking(2).wait(0)).toBe('confirmed')
  })

  test('is taken by a quorum of which nobody else is there, not at once', () => {
    expect(new Taking(3).wait(1)).toBe('open')
    expect(new Taking(3).wait(3)).toBe('confirmed')
  })

  test('is taken by a quorum of which nobody can tell, later', () => {
    expect(new Taking(3, 2).wait(20)).toBe('open')
    expect(new Taking(3, 2).wait(31)).toBe('confirmed')
    expect(new Taking(5, 2).wait(31)).toBe('confirmed')
  })

  test('is not taken where a majority that is away may have other results', () => {
    for (const voters of [4, 5, 7]) {
      const alone = new Taking(voters)
      expect(alone.wait(300)).toBe('open')
      expect(alone.asked.slice(-(voters - 2))).toEqual(
        Array.from({ length: voters - 2 }, (_, i) => i + 2),
      )
      expect(alone.heard(2, HASH)).toBe('confirmed')
    }
    expect(new Taking(7, 2).wait(300)).toBe('open')
    expect(new Taking(7, 2, 3).wait(31)).toBe('confirmed')
  })
})
