/** Features, at the replica: offered, required, used (ADR 0033). */

import { describe, expect, it } from 'vitest'
import {
  ALL_FEATURES,
  FEATURES,
  NO_CLAIMS,
  TIMESTAMP_ZERO,
  epoch,
  millis,
  type FeatureClaims,
  type Heartbeat,
} from '../../index.ts'
import { ReplicaUnderTest } from '../replica-under-test.ts'
import { type Said } from '../said.ts'

const NONE = new Uint8Array(0)
const OFFER: FeatureClaims = { offers: ALL_FEATURES, requires: 0, active: 0 }
const REQUIRE: FeatureClaims = { offers: ALL_FEATURES, requires: ALL_FEATURES, active: 0 }

function heartbeat(from: number, features: FeatureClaims): Heartbeat {
  return {
    kind: 'heartbeat',
    storeId: new Uint8Array(16).fill(from + 1),
    ...{ durableSeq: 1n, knownStoreId: NONE, openEpoch: epoch(1), finishedEpoch: 0 },
    ...{ floor: TIMESTAMP_ZERO, closedBefore: TIMESTAMP_ZERO, lastAll: TIMESTAMP_ZERO },
    applied: { position: 0n, executeAt: TIMESTAMP_ZERO, txnHash: NONE, execHash: NONE },
    ...{ oldestPosition: 0n, wallNanos: 1_000_000_000n, sentAt: millis(0), echo: undefined },
    ...{ inFlight: 0, phase: 'serving', features },
  }
}

function fresh(offers = ALL_FEATURES): ReplicaUnderTest {
  const features = { requires: 0, active: 0 }
  const replica = new ReplicaUnderTest({ size: 3, features, options: { offers } })
  replica.serve()
  return replica
}

/** What it told each peer, in order. */
function told(said: Said): readonly FeatureClaims[] {
  return [...said.atOnce, ...said.afterStore].flatMap(([, message]) =>
    message.kind === 'heartbeat' ? [message.features] : [],
  )
}

const written = (said: Said): unknown[] =>
  said.writes.flatMap((write) => (write.kind === 'features' ? [write.features] : []))

describe('ADR 0033: features', () => {
  it('offers at once, and requires nothing while one member says nothing', () => {
    const replica = fresh()
    const said = replica.hear(1, heartbeat(1, OFFER))
    expect(written(said)).toEqual([])
    expect(told(replica.advance(2_000)).every(({ requires }) => requires === 0)).toBe(true)
  })

  it('requires what all offer, in a write of its own, and then tells it at once', () => {
    const replica = fresh()
    replica.hear(1, heartbeat(1, OFFER))
    const said = replica.hear(2, heartbeat(2, OFFER))
    expect(written(said)).toEqual([{ requires: ALL_FEATURES, active: 0 }])
    // Before it is durable, nobody is told.
    const claims = told(said)
    expect(claims.slice(0, -2).every(({ requires }) => requires === 0)).toBe(true)
    expect(claims.slice(-2)).toEqual([REQUIRE, REQUIRE])
  })

  it('uses what all require, says so, and keeps it through a restart without them', () => {
    const replica = fresh()
    for (const peer of [1, 2]) replica.hear(peer, heartbeat(peer, OFFER))
    replica.hear(1, heartbeat(1, REQUIRE))
    const said = replica.hear(2, heartbeat(2, REQUIRE))
    expect(said.notices).toContainEqual({ kind: 'enabled', features: FEATURES })
    expect(written(said)).toEqual([{ requires: ALL_FEATURES, active: ALL_FEATURES }])
    replica.restart()
    expect(told(replica.advance(2_000))).not.toHaveLength(0)
    for (const claims of told(replica.advance(2_000))) {
      expect(claims).toEqual({ ...REQUIRE, active: ALL_FEATURES })
    }
  })

  it('a member of version 1 holds back all', () => {
    const replica = fresh()
    for (let i = 0; i < 3; i++) {
      replica.hear(1, heartbeat(1, REQUIRE))
      expect(written(replica.hear(2, heartbeat(2, NO_CLAIMS)))).toEqual([])
    }
  })

  it('what no honest member claims is refused', () => {
    const replica = fresh()
    const claims = { offers: ALL_FEATURES, requires: 0, active: ALL_FEATURES }
    const said = replica.hear(1, heartbeat(1, claims))
    expect(said.notices).toContainEqual(expect.objectContaining({ kind: 'rejected', from: 1 }))
    expect(written(said)).toEqual([])
  })

  it('an operator lets go while it runs', () => {
    const replica = fresh(0)
    for (const peer of [1, 2]) {
      expect(written(replica.hear(peer, heartbeat(peer, REQUIRE)))).toEqual([])
    }
    const said = replica.step({ kind: 'offer' })
    expect(written(said)).toEqual([
      { requires: ALL_FEATURES, active: 0 },
      { requires: ALL_FEATURES, active: ALL_FEATURES },
    ])
  })

  it('a peer that knows no such message is noticed, and not answered', () => {
    const said = fresh().hear(1, { kind: 'unsupported', tag: 200 })
    expect(said.notices).toEqual([{ kind: 'unsupported', peer: 1, tag: 200 }])
    expect([...said.atOnce, ...said.afterStore]).toEqual([])
  })
})
