import {
  BALLOT_ZERO,
  emptyRecord,
  epoch,
  hlc,
  keysOf,
  NO_DEPS,
  nodeSerial,
  timestampOf,
  type Message,
  type TxnRecord,
} from '@synevi/accord'
import { describe, expect, it } from 'vitest'
import { DurableStore, membersOf } from './durable-store.ts'
import { checkRecordStep } from './record-step.ts'
import { checkStated } from './stated.ts'

const KEYS = keysOf(['k'])
const TXN = {
  kind: 'application',
  keys: KEYS,
  payload: Uint8Array.of(1),
  digest: Uint8Array.of(1),
} as const
const SELF = nodeSerial(1)
const id = timestampOf({ epoch: epoch(1), hlc: hlc(1n), node: nodeSerial(0) })
const later = timestampOf({ epoch: epoch(1), hlc: hlc(2n), node: SELF })
const ballot = { round: 1, node: nodeSerial(0) }
const higher = { round: 2, node: nodeSerial(2) }

function storing(parts: Partial<TxnRecord>): DurableStore {
  const store = new DurableStore(SELF, membersOf(3))
  store.write([
    {
      kind: 'record',
      record: { ...emptyRecord(id), keys: KEYS, txn: TXN, ...parts },
      txnIsNew: true,
    },
  ])
  return store
}

const says = (store: DurableStore, message: Message) => () => checkStated(SELF, store, message)

describe('checkStated', () => {
  it('lets a vote leave that is stored, and no other', () => {
    const ok: Message = { kind: 'preAcceptOk', id, witnessedAt: id, deps: NO_DEPS }
    expect(says(storing({ vote: { witnessedAt: id, yes: true } }), ok)).not.toThrow()
    expect(says(storing({}), ok)).toThrow(/^stated before stored/)
    expect(says(storing({ vote: { witnessedAt: later, yes: false } }), ok)).toThrow(/^stated/)
  })

  it('lets an acceptance leave that is stored, or was replaced under a higher ballot since', () => {
    const ok: Message = { kind: 'acceptOk', id, ballot, deps: NO_DEPS }
    expect(says(storing({ promised: ballot, accepted: { ballot, value: id } }), ok)).not.toThrow()
    expect(
      says(storing({ promised: higher, accepted: { ballot: higher, value: id } }), ok),
    ).not.toThrow()
    expect(says(storing({ promised: higher }), ok)).toThrow(/^stated/)
  })

  it('lets a promise leave that is stored with the vote and the value it names', () => {
    const ok = {
      kind: 'recoverOk',
      id,
      ballot,
      keys: KEYS,
      refused: false,
      txn: undefined,
    } as const
    const vote = { witnessedAt: later, yes: false }
    const stored = storing({ promised: ballot, vote })
    expect(says(stored, { ...ok, vote, accepted: undefined })).not.toThrow()
    expect(says(storing({ vote }), { ...ok, vote, accepted: undefined })).toThrow(/^stated/)
    expect(says(stored, { ...ok, vote, accepted: { ballot: BALLOT_ZERO, value: id } })).toThrow(
      /^stated/,
    )
  })

  it('lets a decision leave that is stored', () => {
    const stable = {
      kind: 'stable',
      id,
      keys: KEYS,
      executeAt: id,
      deps: NO_DEPS,
      digest: TXN.digest,
      txn: undefined,
    } as const
    expect(
      says(storing({ outcome: { kind: 'decided', executeAt: id, deps: NO_DEPS } }), stable),
    ).not.toThrow()
    expect(
      says(storing({ outcome: { kind: 'decided', executeAt: later, deps: NO_DEPS } }), stable),
    ).toThrow(/^stated/)
    expect(says(storing({}), { kind: 'invalidated', id })).toThrow(/^stated/)
  })

  it('asks nothing of messages that only ask or refuse', () => {
    expect(says(storing({}), { kind: 'query', ids: [id], wantTxn: false })).not.toThrow()
    expect(says(storing({}), { kind: 'nack', id, promised: higher })).not.toThrow()
  })
})

describe('checkRecordStep', () => {
  const base: TxnRecord = {
    ...emptyRecord(id),
    keys: KEYS,
    txn: TXN,
    vote: { witnessedAt: later, yes: false },
  }
  const step = (before: TxnRecord | undefined, after: Partial<TxnRecord>) => () =>
    checkRecordStep(SELF, before, { ...base, ...after })

  it('refuses a vote that changes, a promise that falls and an outcome that changes', () => {
    expect(step(base, { vote: { witnessedAt: id, yes: true } })).toThrow(/^vote changed/)
    expect(step({ ...base, promised: higher }, { promised: ballot })).toThrow(/^ballots/)
    const decided = { kind: 'decided', executeAt: later, deps: NO_DEPS } as const
    expect(step({ ...base, outcome: decided }, { outcome: { ...decided, executeAt: id } })).toThrow(
      /^outcome/,
    )
    expect(step({ ...base, outcome: decided }, { outcome: { kind: 'invalidated' } })).toThrow(
      /^outcome/,
    )
  })

  it('refuses a second value under one ballot, and takes one under a higher', () => {
    const accepted = { ballot, value: later }
    const before = { ...base, promised: ballot, accepted }
    expect(step(before, { promised: ballot, accepted: { ballot, value: 'invalid' } })).toThrow(
      /^ballots/,
    )
    expect(
      step(before, { promised: higher, accepted: { ballot: higher, value: 'invalid' } }),
    ).not.toThrow()
    expect(step(base, { promised: ballot, accepted: { ballot: higher, value: later } })).toThrow(
      /^ballots/,
    )
  })

  it('refuses a decision without deps that is not applied', () => {
    expect(step(base, { outcome: { kind: 'decided', executeAt: later, deps: undefined } })).toThrow(
      /^deps none/,
    )
  })
})
