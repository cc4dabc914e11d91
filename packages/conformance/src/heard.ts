/**
 * What a network told its node: a listener that writes everything down and lets a case wait for it.
 */

import { crc32 } from 'node:zlib'
import type { Bytes, NetworkListener, NodeSerial } from 'synevi'
import { ConformanceFailure, sameBytes } from './conformance-case.ts'

/** One call of the listener. */
export type Tiding =
  | { readonly kind: 'frame'; readonly from: NodeSerial; readonly frame: Bytes }
  | {
      readonly kind: 'link'
      readonly peer: NodeSerial
      readonly up: boolean
      /** What the peer's node reads. */
      readonly frameVersion: number
    }
  | {
      readonly kind: 'refused'
      readonly peer: NodeSerial | undefined
      readonly code: string
      readonly why: string
    }

/** A listener for one network. */
export class Heard implements NetworkListener {
  readonly all: Tiding[] = []
  /** Calls that came while a call into the network had not returned: there may be none. */
  readonly synchronous: Tiding[] = []
  /** Questions, in order. */
  readonly questions: { readonly id: string; readonly question: Bytes }[] = []
  /** What questions are answered with. */
  answer: (id: string, question: Bytes) => Promise<Bytes> = async () => new Uint8Array(0)
  readonly #waiting = new Set<() => void>()
  /** By sender, length and checksum, for a case may look after each of thousands. */
  readonly #frames = new Map<string, Bytes[]>()
  #inside = false

  receive(from: NodeSerial, frame: Bytes): void {
    this.#note({ kind: 'frame', from, frame })
  }

  link(peer: NodeSerial, up: boolean, frameVersion = 1): void {
    this.#note({ kind: 'link', peer, up, frameVersion })
  }

  refused(peer: NodeSerial | undefined, code: string, why: string): void {
    this.#note({ kind: 'refused', peer, code, why })
  }

  async asked(id: string, question: Bytes): Promise<Bytes> {
    this.questions.push({ id, question })
    for (const look of [...this.#waiting]) look()
    return this.answer(id, question)
  }

  /** Calls into the network, watching for calls back. */
  during<T>(call: () => T): T {
    this.#inside = true
    try {
      return call()
    } finally {
      this.#inside = false
    }
  }

  frames(from: NodeSerial): readonly Bytes[] {
    return this.all.flatMap((tiding) =>
      tiding.kind === 'frame' && tiding.from === from ? [tiding.frame] : [],
    )
  }

  has(from: NodeSerial, frame: Bytes): boolean {
    return this.#frames.get(nameOf(from, frame))?.some((found) => sameBytes(found, frame)) ?? false
  }

  /** What was said last about the link to that peer; undefined if nothing was. */
  linkTo(peer: NodeSerial): boolean | undefined {
    return this.#link(peer)?.up
  }

  /** What that peer's node reads, as it was said last; undefined if nothing was. */
  versionOf(peer: NodeSerial): number | undefined {
    return this.#link(peer)?.frameVersion
  }

  /**
   * Resolves once `condition` holds; looks after each tiding. Rejects after `waitMs`, saying what
   * was awaited.
   */
  async until(condition: () => boolean, what: string, waitMs: number): Promise<void> {
    if (condition()) return
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => {
        this.#waiting.delete(look)
        reject(new ConformanceFailure(`waited ${waitMs} ms in vain: ${what}`))
      }, waitMs)
      const look = (): void => {
        if (!condition()) return
        clearTimeout(late)
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
    })
  }

  #link(peer: NodeSerial): (Tiding & { kind: 'link' }) | undefined {
    const links = this.all.filter((tiding) => tiding.kind === 'link')
    return links.findLast((tiding) => tiding.peer === peer)
  }

  #note(tiding: Tiding): void {
    this.all.push(tiding)
    if (tiding.kind === 'frame') {
      const name = nameOf(tiding.from, tiding.frame)
      this.#frames.set(name, [...(this.#frames.get(name) ?? []), tiding.frame])
    }
    if (this.#inside) this.synchronous.push(tiding)
    for (const look of [...this.#waiting]) look()
  }
}

function nameOf(from: NodeSerial, frame: Bytes): string {
  return `${from} ${frame.length} ${frame.length === 0 ? 0 : crc32(frame)}`
}
