/** Words of a closed list (a phase, a reason) as single bytes. */

import { malformed } from './decoded.ts'
import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

/** Of each word its number, and back. */
export interface Words<W extends string> {
  readonly numbers: Readonly<Record<W, number>>
  readonly words: readonly (W | undefined)[]
}

/**
 * From a complete table: a word without a number does not compile. Numbers are 1 … 255, never
 * reused.
 */
export function wordsOf<W extends string>(numbers: Readonly<Record<W, number>>): Words<W> {
  const words: (W | undefined)[] = Array.from({ length: 256 }, () => undefined)
  // The keys of a complete record of W are the words of W.
  for (const word of Object.keys(numbers) as W[]) words[numbers[word]] = word
  return { numbers, words }
}

/** The number that stands for the word. */
export function writeWord<W extends string>(writer: Writer, words: Words<W>, word: W): void {
  writer.byte(words.numbers[word])
}

/** Refuses a number that stands for none. */
export function readWord<W extends string>(reader: Reader, words: Words<W>): W {
  const number = reader.byte()
  return words.words[number] ?? malformed(`${number} stands for no word here`)
}
