/**
 * What a node keeps over the restart of its replica in the same process: which links are up, and
 * what was submitted and has no name yet.
 */

import type { Input, NodeSerial, SubmissionId } from '@synevi/accord'
import type { Driver } from './driver.ts'

/** Stands before the driver; while there is none, it holds back what must not be lost. */
export class Restart {
  readonly #feed: (input: Input) => void
  readonly #up = new Set<NodeSerial>()
  /** Submitted; neither answered nor said to be a transaction: nothing of them was ever written. */
  readonly #unnamed = new Map<SubmissionId, Input>()
  #isUnderWay = false
  #isOver = false

  /** `feed`: to the present driver. */
  constructor(feed: (input: Input) => void) {
    this.#feed = feed
  }

  /** A connection opened or closed. */
  link(peer: NodeSerial, up: boolean): void {
    if (up) this.#up.add(peer)
    else this.#up.delete(peer)
    if (!this.#isUnderWay) this.#feed({ kind: 'link', peer, up })
  }

  isLinked(peer: NodeSerial): boolean {
    return this.#up.has(peer)
  }

  /** Peers with a connection. */
  linked(): readonly NodeSerial[] {
    return [...this.#up]
  }

  /** Submissions are kept; others (of reads) are said again by whoever waits for the answer. */
  feed(input: Input): void {
    if ('submission' in input) this.#unnamed.set(input.submission, input)
    if (!this.#isUnderWay) this.#feed(input)
  }

  /** The submission is a transaction, or was answered. */
  answered(submission: SubmissionId): void {
    this.#unnamed.delete(submission)
  }

  /** The node ends, and does not wait for a restart under way: that must write nothing more. */
  never(): void {
    this.#isOver = true
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** Stops the driver; resolves when nothing is written or executed any more. */
  async begin(driver: Driver): Promise<void> {
    this.#isUnderWay = true
    await driver.close()
    await driver.idle()
  }

  /** Another one is there, and not yet started. */
  end(): void {
    this.#isUnderWay = false
    for (const peer of this.#up) this.#feed({ kind: 'link', peer, up: true })
    for (const input of [...this.#unnamed.values()]) this.#feed(input)
  }
}
