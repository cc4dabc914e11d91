/** What no honest peer sends is named; what honest peers send passes. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BALLOT_ZERO, type Ballot } from '../time/ballot.ts'
import {
  epoch,
  hlc,
  nodeSerial,
  TIMESTAMP_ZERO,
  timestampOf,
  type NodeSerial,
  type Timestamp,
} from '../time/timestamp.ts'
import { NO_DEPS, type Deps } from '../txn/deps.ts'
import { conflictKey, DEFAULT_KEYS } from '../txn/keys.ts'
import type { Txn } from '../txn/txn.ts'
import { anyMessage } from '../test/arbitrary-message.ts'
import { fittingMessages } from '../test/arbitrary-fitting.ts'
import { testEpoch } from '../test/test-epoch.ts'
import { fits } from './fits.ts'
import type { Message, RecoverOk, Stable } from './message.ts'

const [n1, n2, n3, n9] = [1, 2, 3, 9].map(nodeSerial) as [
  NodeSerial,
  NodeSerial,
  NodeSerial,
  NodeSerial,
]
const topology = testEpoch(epoch(2), [n1, n2, n3])

/** The tick of a node in epoch 2, or another. */
function at(tick: number, node: NodeSerial = n1, ofEpoch = 2): Timestamp {
  return timestampOf({ epoch: epoch(ofEpoch), hlc: hlc(BigInt(tick)), node })
}

const id = at(10)
const early = at(5, n2)
const late = at(20, n2)
const raised: Ballot = { round: 1, node: n2 }
const digest = Uint8Array.of(1)
const key = conflictKey('k')
const other = conflictKey('o')
const txn: Txn = { kind: 'application', keys: DEFAULT_KEYS, payload: Uint8Array.of(7), digest }
const deps: Deps = { ids: [early], marks: [{ key, id: early, at: early }] }

/** Why not. Messages are from node 2 unless said otherwise: it coordinates nothing here. */
function why(message: Message, from = n2): string | undefined {
  return fits(message, from, topology)
}

describe('what honest members say passes', () => {
  const tick = fc.integer({ min: 1, max: 12 }).map((value) => hlc(BigInt(value)))
  const all = Object.entries(fittingMessages({ topology, hlc: tick }))

  test.each(all)('%s', (_, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, ({ from, message }) => {
        expect(fits(message, from, topology)).toBe(undefined)
      }),
      { numRuns: 100 },
    )
  })
})

test('nothing that a decoder lets through makes it throw', () => {
  fc.assert(
    fc.property(anyMessage, (message) => {
      const reason = fits(message, n2, topology)
      expect(reason === undefined || reason.length > 0).toBe(true)
    }),
    { numRuns: 1000 },
  )
})

describe('who speaks', () => {
  const accept = { kind: 'accept', id, keys: DEFAULT_KEYS, executeAt: id } as const

  test('PreAccept comes from the coordinator alone', () => {
    expect(why({ kind: 'preAccept', id, txn }, n1)).toBe(undefined)
    expect(why({ kind: 'preAccept', id, txn })).toBe(
      'a PreAccept from another node than its coordinator',
    )
  })

  test('ballot ZERO comes from the coordinator alone', () => {
    expect(why({ ...accept, ballot: BALLOT_ZERO }, n1)).toBe(undefined)
    expect(why({ ...accept, ballot: BALLOT_ZERO })).toBe(
      'ballot ZERO from another node than the coordinator',
    )
  })

  test('a raised ballot is of its sender', () => {
    const wrong = 'a ballot of another node than the sender'
    for (const kind of ['acceptInvalid', 'recover'] as const) {
      expect(why({ kind, id, ballot: raised, txn: undefined })).toBe(undefined)
      expect(why({ kind, id, ballot: raised, txn: undefined }, n3)).toBe(wrong)
      expect(why({ kind, id, ballot: raised, txn: undefined }, n1)).toBe(wrong)
    }
    expect(why({ ...accept, ballot: raised })).toBe(undefined)
    expect(why({ ...accept, ballot: raised }, n1)).toBe(wrong)
  })

  test('nobody recovers or invalidates under ballot ZERO, nor under one of round 0', () => {
    const wrong = 'a ballot of round 0 that belongs to nobody'
    for (const ballot of [BALLOT_ZERO, { round: 0, node: n2 }]) {
      expect(why({ kind: 'recover', id, ballot, txn: undefined })).toBe(wrong)
      expect(why({ kind: 'acceptInvalid', id, ballot })).toBe(wrong)
      expect(why({ kind: 'acceptInvalidOk', id, ballot })).toMatch(/ZERO/)
    }
    expect(why({ ...accept, ballot: { round: 0, node: n2 } })).toBe(wrong)
    expect(why({ kind: 'nack', id, promised: { round: 0, node: n2 } })).toBe(wrong)
    expect(why({ kind: 'nack', id, promised: BALLOT_ZERO })).toBe(undefined)
  })

  test('what counts in a quorum comes from a member', () => {
    const wrong = 'the sender is not a member of the epoch'
    const own: Ballot = { round: 1, node: n9 }
    const messages: readonly Message[] = [
      { ...accept, ballot: own },
      { kind: 'acceptInvalid', id, ballot: own },
      { kind: 'recover', id, ballot: own, txn: undefined },
      { kind: 'preAcceptOk', id, witnessedAt: id, deps: NO_DEPS },
      { kind: 'acceptOk', id, ballot: BALLOT_ZERO, deps: NO_DEPS },
      { kind: 'acceptInvalidOk', id, ballot: raised },
      { kind: 'refused', id, reason: 'busy' },
      { kind: 'nack', id, promised: raised },
    ]
    for (const message of messages) expect(why(message, n9)).toBe(wrong)
    expect(why({ kind: 'query', ids: [id], wantTxn: true }, n9)).toBe(undefined)
  })

  test('ids and ballots are of members, where the epoch is known', () => {
    const strange = at(10, n9)
    expect(why({ kind: 'preAccept', id: strange, txn }, n9)).toBe(
      'an id of a node that is not a member',
    )
    expect(why({ kind: 'invalidated', id: strange })).toBe('an id of a node that is not a member')
    expect(why({ kind: 'nack', id, promised: { round: 1, node: n9 } })).toBe(
      'a ballot of a node that is not a member',
    )
    expect(why({ kind: 'invalidated', id: at(10, n9, 1) })).toBe(undefined)
    expect(why({ kind: 'invalidated', id: at(10, n9, 3) })).toBe(undefined)
  })

  test('an id has an epoch', () => {
    const none = TIMESTAMP_ZERO
    const wrong = 'an id of no epoch'
    expect(why({ kind: 'invalidated', id: none })).toBe(wrong)
    expect(why({ kind: 'query', ids: [id, none], wantTxn: false })).toBe(wrong)
    expect(why({ kind: 'truncated', id: none, closedBefore: id })).toBe(wrong)
    expect(why({ kind: 'preAccept', id: none, txn }, nodeSerial(0))).toBe(wrong)
    expect(why({ kind: 'raiseFloor', round: 1, floor: none, since: undefined })).toBe(
      'a floor of no epoch',
    )
  })
})

describe('votes', () => {
  const ok = { kind: 'preAcceptOk', id } as const

  test('a yes has deps, a no has none', () => {
    expect(why({ ...ok, witnessedAt: id, deps })).toBe(undefined)
    expect(why({ ...ok, witnessedAt: late, deps: undefined })).toBe(undefined)
    expect(why({ ...ok, witnessedAt: id, deps: undefined })).toBe(
      'a vote that is neither a yes nor a no',
    )
    expect(why({ ...ok, witnessedAt: late, deps })).toBe('a vote that is neither a yes nor a no')
  })

  test('a no is above the id, of its epoch, and minted by the voter', () => {
    expect(why({ ...ok, witnessedAt: early, deps: undefined })).toBe('a place below the id')
    expect(why({ ...ok, witnessedAt: at(20, n2, 3), deps: undefined })).toBe(
      'a place of another epoch than the id',
    )
    expect(why({ ...ok, witnessedAt: at(20, n3), deps: undefined })).toBe(
      'a vote minted by another node than the voter',
    )
  })

  test('RecoverOk tells one vote, and values accepted at or below its ballot', () => {
    const bare: RecoverOk = {
      kind: 'recoverOk',
      id,
      ballot: raised,
      vote: undefined,
      accepted: undefined,
      keys: undefined,
      refused: false,
      txn: undefined,
    }
    expect(why(bare, n3)).toBe(undefined)
    expect(why({ ...bare, vote: { witnessedAt: late, yes: true } })).toMatch(/neither/)
    expect(why({ ...bare, vote: { witnessedAt: id, yes: false } })).toMatch(/neither/)
    expect(why({ ...bare, vote: { witnessedAt: late, yes: false } }, n3)).toMatch(
      /minted by another/,
    )
    expect(why({ ...bare, refused: true, vote: { witnessedAt: id, yes: true } })).toMatch(/refused/)
    expect(why({ ...bare, ballot: BALLOT_ZERO })).toMatch(/ZERO/)
    expect(why({ ...bare, accepted: { ballot: raised, value: 'invalid' } })).toBe(undefined)
    expect(why({ ...bare, accepted: { ballot: BALLOT_ZERO, value: late } })).toBe(undefined)
    expect(why({ ...bare, accepted: { ballot: BALLOT_ZERO, value: 'invalid' } })).toMatch(/ZERO/)
    expect(why({ ...bare, accepted: { ballot: { round: 1, node: n3 }, value: late } })).toMatch(
      /higher ballot/,
    )
    expect(why({ ...bare, accepted: { ballot: { round: 2, node: n1 }, value: late } })).toMatch(
      /higher ballot/,
    )
    expect(why({ ...bare, accepted: { ballot: raised, value: early } })).toBe(
      'a place below the id',
    )
    expect(why({ ...bare, txn, keys: 'all' })).toBe('keys that are not those of its transaction')
  })
})

describe('deps', () => {
  const of = (found: Deps): string | undefined =>
    why({ kind: 'preAcceptOk', id, witnessedAt: id, deps: found })
  const ofAccept = (found: Deps): string | undefined =>
    why({ kind: 'acceptOk', id, ballot: BALLOT_ZERO, deps: found })
  const mark = (name: 'all' | typeof key, tick: number): Deps['marks'][number] => ({
    key: name,
    id: at(tick),
    at: at(tick),
  })

  test('ids rise strictly', () => {
    expect(of({ ids: [at(3), at(4)], marks: [] })).toBe(undefined)
    expect(of({ ids: [at(4), at(3)], marks: [] })).toBe('ids that do not rise')
    expect(of({ ids: [at(4), at(4)], marks: [] })).toBe('ids that do not rise')
  })

  test('ids are of the epoch, and of members', () => {
    expect(of({ ids: [at(3, n1, 1), at(4)], marks: [] })).toBe('deps of another epoch')
    expect(ofAccept({ ids: [at(3), at(4, n1, 3)], marks: [] })).toBe('deps of another epoch')
    expect(of({ ids: [at(3, n9)], marks: [] })).toBe('an id of a node that is not a member')
    expect(of({ ids: [TIMESTAMP_ZERO, at(3)], marks: [] })).not.toBe(undefined)
  })

  test('ids and marks are below the id for PreAccept, and free for Accept', () => {
    expect(of({ ids: [late], marks: [] })).toBe('deps at or above their bound')
    expect(of({ ids: [], marks: [mark(key, 10)] })).toBe('a mark at or above its bound')
    expect(of({ ids: [], marks: [mark(key, 9)] })).toBe(undefined)
    expect(ofAccept({ ids: [early, late], marks: [mark(key, 30)] })).toBe(undefined)
  })

  test('are within their bounds', () => {
    const ids = Array.from({ length: 65_537 }, (_, i) => at(i + 100))
    const marks = ids.map((one) => ({ key, id: one, at: one }))
    expect(ofAccept({ ids, marks: [] })).toBe('too many ids')
    expect(ofAccept({ ids: [], marks })).toBe('too many marks')
  })

  test('do not name the transaction itself', () => {
    expect(ofAccept({ ids: [early, id, late], marks: [] })).toBe(
      'deps that name the transaction itself',
    )
  })

  test('marks: all first, then rising keys above it, each once', () => {
    expect(of({ ids: [], marks: [mark('all', 3), mark(key, 4), mark(other, 5)] })).toBe(undefined)
    expect(of({ ids: [], marks: [mark(key, 4), mark('all', 3)] })).toBe('marks out of order')
    expect(of({ ids: [], marks: [mark('all', 3), mark('all', 4)] })).toBe('marks out of order')
    expect(of({ ids: [], marks: [mark(other, 4), mark(key, 4)] })).toBe('marks out of order')
    expect(of({ ids: [], marks: [mark(key, 4), mark(key, 5)] })).toBe('marks out of order')
    expect(of({ ids: [], marks: [mark('all', 4), mark(key, 4)] })).toBe(
      'a mark that the mark of all implies',
    )
  })

  test('a mark is at or above its id, in its epoch', () => {
    expect(of({ ids: [], marks: [{ key, id: at(4), at: at(3) }] })).toBe(
      'a mark: a place below the id',
    )
    expect(of({ ids: [], marks: [{ key, id: at(4, n1, 1), at: at(5) }] })).toMatch(/another epoch/)
    expect(of({ ids: [], marks: [{ key, id: TIMESTAMP_ZERO, at: at(5) }] })).toBe(
      'a mark of no epoch',
    )
  })

  test('of a read are of one epoch', () => {
    const read = (ids: readonly Timestamp[]): string | undefined =>
      why({ kind: 'readDepsOk', round: 1, deps: { ids, marks: [] } })
    expect(read([])).toBe(undefined)
    expect(read([early, late])).toBe(undefined)
    expect(read([late, early])).toBe('ids that do not rise')
    expect(read([TIMESTAMP_ZERO])).toBe('an id of no epoch')
    expect(read([early, at(1, n1, 3)])).toBe('deps of another epoch')
  })
})

describe('decisions', () => {
  const stable: Stable = {
    kind: 'stable',
    id,
    keys: DEFAULT_KEYS,
    executeAt: late,
    deps,
    digest,
    txn: undefined,
  }

  test('are at or above the id, in its epoch, with deps below', () => {
    expect(why(stable)).toBe(undefined)
    expect(why({ ...stable, executeAt: early })).toBe('a place below the id')
    expect(why({ ...stable, executeAt: at(20, n2, 3) })).toBe(
      'a place of another epoch than the id',
    )
    expect(why({ ...stable, deps: { ids: [late], marks: [] } })).toBe(
      'deps at or above their bound',
    )
    expect(why({ ...stable, deps: { ids: [id], marks: [] } })).toBe(
      'deps that name the transaction itself',
    )
    const decided = { kind: 'decided', id, keys: DEFAULT_KEYS, executeAt: late, txn } as const
    expect(why({ ...decided, deps: undefined })).toBe(undefined)
    expect(why({ ...decided, executeAt: early, deps: undefined })).toBe('a place below the id')
  })

  test('name the keys and the digest of their transaction', () => {
    expect(why({ ...stable, txn })).toBe(undefined)
    expect(why({ ...stable, txn, keys: 'all' })).toBe('keys that are not those of its transaction')
    expect(why({ ...stable, txn, digest: Uint8Array.of(2) })).toMatch(/digest/)
    expect(why({ ...stable, digest: new Uint8Array(65) })).toBe('a hash that is not 1 to 64 bytes')
    const barrier: Txn = { kind: 'barrier', closedBefore: early }
    expect(why({ ...stable, txn: barrier, keys: 'all' })).toMatch(/without payload/)
    expect(why({ ...stable, txn: barrier, keys: 'all', digest: new Uint8Array(0) })).toBe(undefined)
  })

  test('keys are a sorted set', () => {
    for (const keys of [[], [other, key], [key, key]]) {
      expect(why({ ...stable, keys })).toBe('keys that are not a sorted set')
      expect(why({ kind: 'readDeps', round: 1, epoch: epoch(2), keys })).toBe(
        'keys that are not a sorted set',
      )
      expect(why({ kind: 'preAccept', id, txn: { ...txn, keys } }, n1)).toBe(
        'keys that are not a sorted set',
      )
      expect(why({ kind: 'accept', ballot: raised, id, keys, executeAt: id })).toBe(
        'keys that are not a sorted set',
      )
    }
  })

  test('Truncated is said of closed ids alone', () => {
    expect(why({ kind: 'truncated', id, closedBefore: late })).toBe(undefined)
    expect(why({ kind: 'truncated', id, closedBefore: id })).toMatch(/not closed/)
  })
})
