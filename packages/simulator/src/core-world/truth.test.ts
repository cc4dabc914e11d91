import {
  BALLOT_ZERO,
  conflictKey,
  emptyRecord,
  epoch,
  hlc,
  keysOf,
  NO_DEPS,
  nodeSerial,
  timestampOf,
  type Ballot,
  type Deps,
  type Keys,
  type Timestamp,
  type Txn,
  type TxnRecord,
} from '@synevi/accord'
import { describe, expect, it } from 'vitest'
import type { Effect } from './effect.ts'
import { submissionId } from './submission-id.ts'
import { Truth } from './truth.ts'

const KEYS = keysOf(['k'])
const A = nodeSerial(0)
const B = nodeSerial(1)
const C = nodeSerial(2)
const TXN: Txn = {
  kind: 'application',
  keys: KEYS,
  payload: Uint8Array.of(1),
  digest: Uint8Array.of(1),
}
/** The place of node `node` at tick `tick`. */
const at = (tick: number, node = 0): Timestamp =>
  timestampOf({ epoch: epoch(1), hlc: hlc(BigInt(tick)), node: nodeSerial(node) })

class Story {
  readonly truth: Truth
  #submissions = 0

  constructor(n = 3) {
    this.truth = new Truth(n, [conflictKey('k')])
  }

  born(id: Timestamp, node = A, keys: Keys = KEYS): void {
    const submission = submissionId(this.#submissions++)
    this.truth.submitted(node, submission, keys)
    this.#does(node, { kind: 'noticed', notice: { kind: 'submitted', id, submission } })
  }

  wrote(node: typeof A, id: Timestamp, record: Partial<TxnRecord>, applied = false): void {
    this.#does(node, {
      kind: 'wrote',
      record: { ...emptyRecord(id), keys: KEYS, txn: TXN, ...record },
      applied,
    })
  }

  yes(node: typeof A, id: Timestamp): void {
    this.wrote(node, id, { vote: { witnessedAt: id, yes: true } })
  }

  no(node: typeof A, id: Timestamp, witnessedAt: Timestamp): void {
    this.wrote(node, id, { vote: { witnessedAt, yes: false } })
  }

  accepted(node: typeof A, id: Timestamp, ballot: Ballot, value: Timestamp | 'invalid'): void {
    this.wrote(node, id, { promised: ballot, accepted: { ballot, value } })
  }

  decided(node: typeof A, id: Timestamp, executeAt: Timestamp, deps: Deps = NO_DEPS): void {
    this.wrote(node, id, { outcome: { kind: 'decided', executeAt, deps } })
  }

  executed(node: typeof A, id: Timestamp, executeAt: Timestamp): void {
    this.#does(node, { kind: 'executed', execution: { id, executeAt, txn: TXN } })
  }

  /** Born at `tick`, voted for by all three, decided fast at `node`. */
  fast(tick: number, node = A, deps: Deps = NO_DEPS): Timestamp {
    const id = at(tick, node)
    this.born(id, node)
    for (const voter of [A, B, C]) this.yes(voter, id)
    this.decided(node, id, id, deps)
    return id
  }

  does(node: typeof A, effect: Effect): void {
    this.#does(node, effect)
  }

  #does(node: typeof A, effect: Effect): void {
    this.truth.observe(node, [effect])
  }
}

const deps = (...ids: Timestamp[]): Deps => ({ ids, marks: [] })

describe('Truth', () => {
  it('accepts two fast decisions whose deps cover each other and both executions in order', () => {
    const story = new Story()
    const first = story.fast(1)
    const second = story.fast(2, B, deps(first))
    story.executed(C, first, first)
    story.executed(C, second, second)
    expect(story.truth.executed(C)).toEqual([first, second])
  })

  it('rejects two executeAts of one transaction', () => {
    const story = new Story()
    const id = story.fast(1)
    expect(() => story.decided(B, id, at(9))).toThrow(/^agreement/)
  })

  it('rejects decided and invalidated', () => {
    const story = new Story()
    const id = story.fast(1)
    expect(() => story.wrote(B, id, { outcome: { kind: 'invalidated' } })).toThrow(/^agreement/)
  })

  it('rejects a decision that no quorum chose', () => {
    const story = new Story()
    const id = at(1)
    story.born(id)
    story.yes(A, id)
    expect(() => story.decided(A, id, id)).toThrow(/^not chosen/)
  })

  it('rejects a decision accepted by a quorum under two ballots, never under one', () => {
    const story = new Story()
    const id = at(1)
    story.born(id)
    story.yes(A, id)
    story.no(B, id, at(5, B))
    story.accepted(A, id, { round: 1, node: A }, at(5, B))
    story.accepted(B, id, { round: 2, node: B }, at(5, B))
    expect(() => story.decided(A, id, at(5, B))).toThrow(/^not chosen/)
    story.accepted(C, id, { round: 2, node: B }, at(5, B))
    story.decided(A, id, at(5, B))
  })

  it('rejects another value once one was chosen, though nobody decided it', () => {
    const story = new Story()
    const id = at(1)
    story.born(id)
    story.yes(A, id)
    story.no(B, id, at(5, B))
    story.accepted(B, id, { round: 2, node: B }, at(5, B))
    story.accepted(C, id, { round: 1, node: C }, 'invalid')
    story.accepted(C, id, { round: 2, node: B }, at(5, B))
    story.accepted(A, id, { round: 1, node: A }, 'invalid')
    const third = { round: 3, node: A }
    expect(() => story.accepted(A, id, third, 'invalid')).toThrow(/^agreement/)
  })

  it('rejects a proposal without support', () => {
    const story = new Story()
    const id = at(1)
    story.born(id)
    story.yes(A, id)
    story.no(B, id, at(5, B))
    const accept = {
      kind: 'accept',
      ballot: BALLOT_ZERO,
      id,
      keys: KEYS,
      executeAt: at(4, B),
    } as const
    expect(() => story.does(A, { kind: 'sent', to: B, message: accept })).toThrow(/^support/)
  })

  it('rejects deps that miss an earlier decision, whichever comes first', () => {
    const early = new Story()
    early.fast(1)
    expect(() => early.fast(2, B)).toThrow(/^dependency safety/)
    const late = new Story()
    late.born(at(1))
    late.fast(2, B)
    for (const voter of [A, B, C]) late.yes(voter, at(1))
    expect(() => late.decided(A, at(1), at(1))).toThrow(/^dependency safety/)
  })

  it('takes a mark at or above the earlier decision for it, and not one below', () => {
    const marked = (tick: number): Deps => ({
      ids: [],
      marks: [{ key: 'all', id: at(tick), at: at(tick) }],
    })
    const story = new Story()
    story.fast(2)
    expect(() => story.fast(3, B, marked(1))).toThrow(/^dependency safety/)
    const other = new Story()
    other.fast(2)
    other.fast(3, B, marked(2))
  })

  it('rejects an execution before an earlier decided one, and after a later one', () => {
    const story = new Story()
    const first = story.fast(1)
    const second = story.fast(2, B, deps(first))
    expect(() => story.executed(C, second, second)).toThrow(/^gap/)
    story.executed(C, first, first)
    expect(() => story.executed(C, first, first)).toThrow(/^execution/)
  })

  it('rejects a first decision below what someone executed', () => {
    const story = new Story()
    story.born(at(1))
    const second = story.fast(2, B, deps(at(1)))
    story.executed(C, second, second)
    for (const voter of [A, B, C]) story.yes(voter, at(1))
    expect(() => story.decided(A, at(1), at(1))).toThrow(/^gap/)
  })

  it('rejects a place before what was decided when it was submitted', () => {
    const story = new Story()
    story.fast(5)
    expect(() => story.fast(4, B, NO_DEPS)).toThrow(/^real time/)
  })

  it('rejects one timestamp for two things, unless the first was never seen', () => {
    const story = new Story()
    story.born(at(1))
    story.does(A, { kind: 'crashed' })
    story.born(at(1))
    story.yes(A, at(1))
    story.does(A, { kind: 'crashed' })
    expect(() => story.born(at(1))).toThrow(/^timestamp reused/)
  })

  it('rejects a ballot that a restarted node uses again', () => {
    const story = new Story()
    story.born(at(1))
    story.yes(A, at(1))
    const recover = {
      kind: 'recover',
      ballot: { round: 1, node: B },
      id: at(1),
      txn: undefined,
    } as const
    story.does(B, { kind: 'sent', to: A, message: recover })
    story.does(B, { kind: 'sent', to: C, message: recover })
    story.does(B, { kind: 'crashed' })
    expect(() => story.does(B, { kind: 'sent', to: A, message: recover })).toThrow(/^ballots/)
  })

  it('rejects a fast decision on votes that never arrived', () => {
    const story = new Story()
    const id = at(1)
    story.born(id)
    for (const voter of [A, B, C]) story.yes(voter, id)
    const notice = { kind: 'decided', id, path: 'fast', executeAt: id } as const
    expect(() => story.does(A, { kind: 'noticed', notice })).toThrow(/^fast path/)
    const ok = { kind: 'preAcceptOk', id, witnessedAt: id, deps: NO_DEPS } as const
    story.truth.delivered(B, A, ok)
    story.does(A, { kind: 'noticed', notice })
  })

  it('forgets on a crash what was executed and not stored', () => {
    const story = new Story()
    const id = story.fast(1)
    story.executed(B, id, id)
    story.does(B, { kind: 'crashed' })
    story.executed(B, id, id)
    story.wrote(
      B,
      id,
      { outcome: { kind: 'decided', executeAt: id, deps: NO_DEPS }, applied: true },
      true,
    )
    story.does(B, { kind: 'crashed' })
    expect(story.truth.executed(B)).toEqual([id])
  })

  it('copies without sharing', () => {
    const story = new Story()
    const id = story.fast(1)
    const copy = story.truth.copy()
    story.executed(B, id, id)
    expect(copy.executed(B)).toEqual([])
    expect(copy.get(id)?.outcome).toBe(id)
  })
})

describe('equal images', () => {
  it('owe the same answers: a submission belongs to the life that was handed it', () => {
    const before = new Truth(2, [conflictKey('k')])
    before.submitted(A, submissionId(0), KEYS)
    before.observe(A, [{ kind: 'crashed' }])
    const after = new Truth(2, [conflictKey('k')])
    after.observe(A, [{ kind: 'crashed' }])
    after.submitted(A, submissionId(0), KEYS)
    expect(before.unanswered()).toEqual([])
    expect(after.unanswered()).toEqual([submissionId(0)])
    expect(before.image()).not.toEqual(after.image())
  })
})
