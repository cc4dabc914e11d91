/** Partitions: which directed links are cut, and when. */

import type { Micros } from '../event-queue.ts'
import type { Prng } from '../prng.ts'
import {
  type Cut,
  type FaultClass,
  PARTITION_MODES,
  type PartitionMode,
  majorityOf,
} from './plan.ts'

interface Span {
  readonly at: Micros
  readonly for: Micros
}

/** The cuts of one partition of this mode, between nodes 0 … nodes-1. */
export function drawPartition(
  random: Prng,
  mode: PartitionMode,
  nodes: number,
  span: Span,
): readonly Cut[] {
  const all = random.shuffle(Array.from({ length: nodes }, (_, i) => i))
  switch (mode) {
    case 'oneOut':
      return between(all.slice(0, 1), all.slice(1), span)
    case 'halves':
      return between(all.slice(0, Math.ceil(nodes / 2)), all.slice(Math.ceil(nodes / 2)), span)
    case 'minority': {
      const size = random.between(1, Math.max(1, Math.floor((nodes - 1) / 2)))
      return between(all.slice(0, size), all.slice(size), span)
    }
    case 'ring':
      return ring(all, span)
    case 'oneWay': {
      const size = random.between(1, nodes - 1)
      return oneWay(all.slice(0, size), all.slice(size), span)
    }
    case 'flapping':
      return flapping(random, all, span)
    case 'swizzle':
      return swizzle(random, all, span)
  }
}

function oneWay(from: readonly number[], to: readonly number[], span: Span): Cut[] {
  return from.flatMap((a) => to.map((b) => ({ from: a, to: b, ...span })))
}

function between(one: readonly number[], other: readonly number[], span: Span): Cut[] {
  return [...oneWay(one, other, span), ...oneWay(other, one, span)]
}

/** Each node sees a majority, and each another one: neighbours on a ring reach each other. */
function ring(order: readonly number[], span: Span): Cut[] {
  const size = order.length
  // With itself a node sees 2·reach + 1: a majority.
  const reach = Math.ceil((majorityOf(size) - 1) / 2)
  const cuts: Cut[] = []
  for (const [i, a] of order.entries()) {
    for (const [j, b] of order.entries()) {
      const distance = Math.min((i - j + size) % size, (j - i + size) % size)
      // With three nodes a ring is complete; one link of it is cut.
      const isCut = size <= 3 ? i + j === size - 1 && i !== j : distance > reach
      if (isCut) cuts.push({ from: a, to: b, ...span })
    }
  }
  return cuts
}

/** The links of one node go and come. */
function flapping(random: Prng, order: readonly number[], span: Span): Cut[] {
  const cuts: Cut[] = []
  const period = random.logBetween(100_000, 1_000_000)
  for (let at = span.at; at < span.at + span.for; at += period) {
    const down = Math.floor(period * (0.3 + 0.5 * random.float()))
    cuts.push(...between(order.slice(0, 1), order.slice(1), { at: Math.floor(at), for: down }))
  }
  return cuts
}

/**
 * The links of a random subset are cut one by one, and released in another order (FoundationDB).
 */
function swizzle(random: Prng, order: readonly number[], span: Span): Cut[] {
  const subset = order.slice(0, random.between(1, Math.max(1, order.length - 1)))
  const links = subset.flatMap((a) => order.filter((b) => b !== a).map((b) => [a, b] as const))
  const half = span.for / 2
  const ends = random.shuffle(links.map((_, i) => span.at + half + (half * (i + 1)) / links.length))
  return random.shuffle(links).flatMap(([a, b], i) => {
    const at = Math.floor(span.at + (half * i) / links.length)
    const length = Math.max(1, Math.floor((ends[i] ?? at) - at))
    return between([a], [b], { at, for: length })
  })
}

/** Whether the class is a way to cut links. */
export function isMode(name: FaultClass): name is PartitionMode {
  return PARTITION_MODES.some((mode) => mode === name)
}
