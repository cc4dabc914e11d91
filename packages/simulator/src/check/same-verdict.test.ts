/**
 * Three checkers, one verdict: on random small histories, half of them damaged (`testing.md` 2.7).
 */

import { describe as suite, expect, test } from 'vitest'
import { Prng } from '../prng.ts'
import { type Json, type Operation, isList } from './history.ts'
import { type Stated, operations } from './history-builder.ts'
import { checkLinearizable } from './linearizable.ts'
import { checkListAppend } from './list-append.ts'
import { KvListModel } from './model.ts'
import { type WitnessEntry, checkWitness } from './witness.ts'

interface Sample {
  /** One: the lists force the order of all appends, so that the witness may claim no other. */
  readonly keys: readonly string[]
  readonly stated: readonly Stated[]
  readonly log: readonly WitnessEntry[]
}

/**
 * A serial execution with intervals around its points; some outcomes unknown; a last read of
 * everything.
 */
function sample(random: Prng): Sample {
  const model = new KvListModel()
  const stated: Stated[] = []
  const log: WitnessEntry[] = []
  const count = random.between(2, 9)
  const keys = random.pick([['x'], ['x', 'y']])
  for (let i = 1; i <= count; i++) {
    const isLast = i === count
    const asked = isLast ? readAll(keys) : mops(random, keys, i)
    const answer = model.apply('txn', asked)
    const at: [number, number] = isLast
      ? [1000, 1001]
      : [i * 10 - random.below(25) - random.float(), i * 10 + random.below(25) + random.float()]
    const request = `r${i}`
    log.push({ position: i, executeAt: BigInt(i), request, f: 'txn', asked })
    const common = { p: i, f: 'txn', asked, at, request, position: i }
    if (!isLast && random.chance(0.15)) stated.push(common)
    else stated.push({ ...common, answer })
  }
  return { keys, stated, log }
}

function readAll(keys: readonly string[]): Json {
  return keys.map((key) => ['r', key, null])
}

function mops(random: Prng, keys: readonly string[], i: number): Json {
  const list: Json[] = []
  for (const key of random.shuffle(keys).slice(0, random.between(1, keys.length))) {
    list.push(random.chance(0.6) ? ['append', key, i] : ['r', key, null])
  }
  return list
}

/** Changes one answer, one interval, or what everybody saw of one element. */
function damage(random: Prng, { keys, stated, log }: Sample): Sample {
  const at = random.below(stated.length)
  const kind = random.below(4)
  const known = stated.flatMap((each, i) => (each.answer === undefined ? [] : [i + 1]))
  const lost = random.pick(known)
  const changed = stated.map((each, i): Stated => {
    if (kind === 0 && i === at) return { ...each, ...withAnswer(each, shorten) }
    if (kind === 1 && i === at) return { ...each, ...withAnswer(each, (list) => [...list, lost]) }
    if (kind === 2 && i === at && i < stated.length - 1) {
      const shift = random.between(-60, 60)
      return { ...each, at: [each.at[0] + shift, each.at[1] + shift] }
    }
    if (kind === 3)
      return { ...each, ...withAnswer(each, (list) => list.filter((v) => v !== lost)) }
    return each
  })
  return { keys, stated: changed, log }
}

function shorten(list: readonly Json[]): readonly Json[] {
  return list.slice(0, -1)
}

function withAnswer(
  each: Stated,
  change: (list: readonly Json[]) => readonly Json[],
): { answer?: Json } {
  if (each.answer === undefined || !isList(each.answer)) return {}
  const answer = each.answer.map((mop): Json => {
    if (!isList(mop) || mop[0] !== 'r') return mop
    return ['r', mop[1] ?? null, isList(mop[2]) ? change(mop[2]) : []]
  })
  return { answer }
}

/**
 * Reads that are not in the log and claim no position: the witness must find their place by itself.
 */
function withoutClaims({ stated, log }: Sample): {
  all: readonly Operation[]
  log: readonly WitnessEntry[]
} {
  const isRead = (asked: Json): boolean =>
    isList(asked) && asked.every((mop) => isList(mop) && mop[0] === 'r')
  const appends = log.filter((entry) => !isRead(entry.asked))
  const places = new Map(appends.map((entry, i) => [entry.request, i + 1]))
  const all = stated.map((each): Stated => {
    const { position: _, request = '', ...rest } = each
    const place = places.get(request)
    return place === undefined ? rest : { ...rest, request, position: place }
  })
  const renumbered = appends.map((entry, i) => ({ ...entry, position: i + 1 }))
  return { all: operations(all), log: renumbered }
}

function verdicts(of: Sample): { witness: boolean; linear: boolean; cycles: boolean } {
  const { all, log } = withoutClaims(of)
  const model = (): KvListModel => new KvListModel()
  const witness = checkWitness({ operations: all, log, model }).anomalies.length === 0
  const verdict = checkLinearizable({ operations: all, model, stepsMax: 1_000_000 })
  expect(verdict.kind).not.toBe('exceeded')
  const cycles = checkListAppend(all).length === 0
  return { witness, linear: verdict.kind === 'valid', cycles }
}

suite('witness, linearizability and cycles', () => {
  test('agree that 1,000 honest histories are valid', () => {
    for (let seed = 0; seed < 1000; seed++) {
      const found = verdicts(sample(Prng.of(BigInt(seed))))
      expect({ seed, ...found }).toEqual({ seed, witness: true, linear: true, cycles: true })
    }
  })

  test('agree on 1,000 damaged histories, most of them invalid', () => {
    let invalid = 0
    for (let seed = 0; seed < 1000; seed++) {
      const random = Prng.of(BigInt(seed)).fork('damage')
      const damaged = damage(random, sample(random))
      const found = verdicts(damaged)
      expect({ seed, cycles: found.cycles }).toEqual({ seed, cycles: found.linear })
      // With two keys a claimed order may be wrong although another would be right.
      const isForced = damaged.keys.length === 1 || found.witness
      if (isForced)
        expect({ seed, witness: found.witness }).toEqual({ seed, witness: found.linear })
      if (!found.linear) invalid++
    }
    expect(invalid).toBeGreaterThan(300)
  })
})
