/** A feature is used when every member's store requires it, and never before (ADR 0033). */

import { describe, expect, test } from 'vitest'
import { nodeSerial } from '../time/timestamp.ts'
import { AgreedFeatures } from './agreed-features.ts'
import {
  ALL_FEATURES,
  FEATURES,
  NO_CLAIMS,
  featureSet,
  featuresIn,
  type FeatureClaims,
  type StoredFeatures,
} from './features.ts'

const NONE: StoredFeatures = { requires: 0, active: 0 }
const OFFER: FeatureClaims = { offers: ALL_FEATURES, requires: 0, active: 0 }
const REQUIRE: FeatureClaims = { offers: ALL_FEATURES, requires: ALL_FEATURES, active: 0 }

function node(
  peers: readonly number[],
  parts: Partial<{ stored: StoredFeatures; offers: number }>,
) {
  const { stored = NONE, offers = ALL_FEATURES } = parts
  return new AgreedFeatures(stored, offers, () => peers.map(nodeSerial))
}

/** Its write becomes durable. */
function store(features: AgreedFeatures): StoredFeatures | undefined {
  const stored = features.takeWrite()
  if (stored !== undefined) features.written(stored)
  return stored
}

test('bits are for ever', () => {
  expect(FEATURES.slice(0, 4)).toEqual(['floors', 'reads', 'epochs', 'snapshots'])
  expect(featureSet(['floors', 'epochs'])).toBe(5)
  expect(featuresIn(5 | (1 << 30))).toEqual(['floors', 'epochs'])
})

describe('three members', () => {
  test('nothing is required before all offer it, nothing used before all require it', () => {
    const features = node([1, 2], {})
    features.hear(nodeSerial(1), OFFER)
    expect(features.takeWrite()).toBe(undefined)
    features.hear(nodeSerial(2), OFFER)
    expect(store(features)).toEqual({ requires: ALL_FEATURES, active: 0 })
    features.hear(nodeSerial(1), REQUIRE)
    expect(features.enabled('epochs')).toBe(false)
    features.hear(nodeSerial(2), REQUIRE)
    expect(features.enabled('epochs')).toBe(true)
    expect(store(features)).toEqual({ requires: ALL_FEATURES, active: ALL_FEATURES })
    expect(store(features)).toBe(undefined)
  })

  test('what is required here counts, and is told, once it is durable', () => {
    const features = node([1, 2], {})
    for (const peer of [1, 2]) features.hear(nodeSerial(peer), REQUIRE)
    expect(features.enabled('floors')).toBe(false)
    expect(features.claims).toEqual(OFFER)
    store(features)
    expect(features.enabled('floors')).toBe(true)
    expect(features.claims).toEqual({ ...REQUIRE, active: ALL_FEATURES })
  })

  test('one that holds them back, or is old, holds all back', () => {
    for (const claims of [NO_CLAIMS, { ...OFFER, offers: 0 }]) {
      const features = node([1, 2], {})
      features.hear(nodeSerial(1), REQUIRE)
      features.hear(nodeSerial(2), claims)
      expect(features.takeWrite()).toBe(undefined)
      expect(features.enabled('reads')).toBe(false)
    }
    const holds = node([1, 2], { offers: 0 })
    for (const peer of [1, 2]) holds.hear(nodeSerial(peer), OFFER)
    expect(holds.takeWrite()).toBe(undefined)
    holds.offerAll()
    expect(store(holds)?.requires).toBe(ALL_FEATURES)
  })

  test('an offer taken back counts no more; a requirement does', () => {
    const features = node([1, 2], {})
    features.hear(nodeSerial(1), OFFER)
    features.hear(nodeSerial(1), NO_CLAIMS)
    features.hear(nodeSerial(2), OFFER)
    expect(features.takeWrite()).toBe(undefined)
  })

  test('what was used is used after a restart, though peers are silent', () => {
    const stored = { requires: ALL_FEATURES, active: ALL_FEATURES }
    expect(node([1, 2], { stored }).enabled('epochs')).toBe(true)
    expect(node([1, 2], { stored: { ...stored, active: 0 } }).enabled('epochs')).toBe(false)
  })

  test('a new member takes it from any, once its own store requires it', () => {
    const features = node([1, 2], { offers: 0 })
    features.hear(nodeSerial(1), { ...REQUIRE, active: ALL_FEATURES })
    expect(features.enabled('epochs')).toBe(false)
    store(features)
    expect(features.enabled('epochs')).toBe(true)
  })

  test('features of a later build are nobody’s business here', () => {
    const later = 1 << 20
    const features = node([1], {})
    features.hear(nodeSerial(1), {
      offers: ALL_FEATURES | later,
      requires: ALL_FEATURES | later,
      active: later,
    })
    expect(store(features)).toEqual({ requires: ALL_FEATURES, active: 0 })
    expect(store(features)).toEqual({ requires: ALL_FEATURES, active: ALL_FEATURES })
  })

  test('news is told once', () => {
    const features = node([1], {})
    expect(features.takeNews()).toEqual({ isNew: false, enabled: 0 })
    features.hear(nodeSerial(1), OFFER)
    expect(features.takeNews().isNew).toBe(false)
    store(features)
    expect(features.takeNews()).toEqual({ isNew: true, enabled: 0 })
    features.hear(nodeSerial(1), REQUIRE)
    expect(features.takeNews()).toEqual({ isNew: true, enabled: ALL_FEATURES })
    expect(features.takeNews()).toEqual({ isNew: false, enabled: 0 })
  })
})

test('a cluster of one agrees with itself', () => {
  const features = node([], {})
  expect(features.enabled('floors')).toBe(false)
  store(features)
  expect(features.enabled('floors')).toBe(true)
})
