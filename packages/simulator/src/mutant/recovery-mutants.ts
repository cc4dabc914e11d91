/** Mutants of ballots, promises and recovery (`protocol.md` 1.2, 3.3, 4.3, 6). */

import type { Mutant } from './mutant.ts'

const ACCEPT_CHECK = 'if (compareBallots(record.promised, ballot) > 0) {'

/** Part of the table. */
export const RECOVERY_MUTANTS: readonly Mutant[] = [
  {
    name: 'recovery skips Accept when t = id',
    rule: '6.2',
    why: 'a later recovery finds no accepted value and may come to another',
    edits: [
      {
        file: 'coordinate/recover-round.ts',
        find: 'proposeRecovered(lead, round, executeAt) } /** The highest ballot',
        replace: `if (executeAt === id) {
    const keys = keysIn(lead, round)
    invariant(keys !== undefined, 'keys')
    rounds.end(id)
    const deps = depsFor(context, keys, { id, bound: id })
    decide(context, { id, keys, executeAt, deps, path: 'recovered', holders: round.holders })
    return
  }
  proposeRecovered(lead, round, executeAt)
}

/** The highest ballot`,
      },
      {
        file: 'coordinate/recover-round.ts',
        find: "import { propose } from './accept-round.ts'",
        replace: `import { propose } from './accept-round.ts'
          import { decide } from './decide.ts'
          import { depsFor } from '../replicate/vote.ts'`,
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 200_000 }],
    explored: 'n=2, 1 recovery',
  },
  {
    name: 'accepted value by greatest t',
    rule: '6.2 step 2',
    why: 'only the value under the highest ballot can have been chosen',
    edits: [
      {
        file: 'coordinate/recover-round.ts',
        find: 'if (highest === undefined || compareBallots(accepted.ballot, highest.ballot) > 0)',
        replace: `if (highest === undefined || highest.value === 'invalid' || (accepted.value !==
            'invalid' && accepted.value > highest.value))`,
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 3_000_000 }],
  },
  {
    name: 'accepted values ignored',
    rule: '6.2 step 2',
    why: 'a chosen value is replaced by another',
    edits: [
      {
        file: 'coordinate/recover-round.ts',
        find: 'if (accepted !== undefined) { takeAccepted(lead, round, accepted) return }',
        replace: 'void takeAccepted\n  void accepted',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 200_000 }],
    explored: '1 death',
  },
  {
    name: 'absent coordinator never counted',
    rule: '6.2 step 4',
    why: 'a yes proves that the vote of c is durable; without it a fast decision is not recognised',
    edits: [
      {
        file: 'coordinate/recover-round.ts',
        find: 'if (!replies.has(nodeOf(id)) && votes.some((vote) => vote.yes)) support.push(id)',
        replace: '',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
  },
  {
    name: 'absent coordinator counted without a yes',
    rule: '6.2 step 4',
    why: 'nobody has shown that c voted',
    edits: [
      {
        file: 'coordinate/recover-round.ts',
        find: 'if (!replies.has(nodeOf(id)) && votes.some((vote) => vote.yes)) support.push(id)',
        replace: 'if (!replies.has(nodeOf(id))) support.push(id)',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 20_000 }],
    harmless:
      'an id is known only from messages that left after the vote of c was durable (2.2 c), ' +
      'so the support is real; and with f = 0 c is in every quorum',
  },
  {
    name: 'vote in recovery may be a yes',
    rule: '1.6',
    why: 'it looks like a vote in the fast quorum of c',
    edits: [
      {
        file: 'replicate/on-recover.ts',
        find: 'next = { ...next, vote: voteInRecovery(context, id, keys) }',
        replace: 'next = { ...next, vote: voteOn(context, id, keys) }\n      void voteInRecovery',
      },
      {
        file: 'replicate/on-recover.ts',
        find: "import { voteInRecovery } from './vote.ts'",
        replace: "import { voteInRecovery, voteOn } from './vote.ts'",
      },
    ],
    hunts: [{ by: 'walk', n: 5, seedsMax: 20_000 }],
    harmless:
      'c never hears it, for PreAccept after a promise is refused; it is real support; ' +
      'and more ids among the votes only make recovery propose the id where another would do',
  },
  {
    name: 'PreAccept voted on after a promise',
    rule: '4.3, 6.1',
    why: 'c completes a fast quorum that the recoverer took as impossible',
    edits: [
      {
        file: 'replicate/on-pre-accept.ts',
        find: 'if (!isZero(record.promised) || record.accepted !== undefined) {',
        replace: 'if (!isZero(record.promised) && record.accepted !== undefined) {',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 1_000_000 }],
  },
  {
    name: 'no promise for an unknown transaction',
    rule: '6.1',
    why: 'PreAccept that comes later is voted on, and c decides what was invalidated',
    edits: [
      {
        file: 'replicate/on-recover.ts',
        find: 'context.ledger.put(next)',
        replace: 'if (next.vote !== undefined) context.ledger.put(next)',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 200_000 }],
    explored: 'n=2, 1 recovery',
  },
  {
    name: 'Accept below the promise',
    rule: '4.3',
    why: 'a value is chosen that the recoverer did not see',
    edits: [
      {
        file: 'replicate/on-accept.ts',
        find: `${ACCEPT_CHECK} context.out.atOnce(from, { kind: 'nack', id, promised:
          record.promised }) return } if (record.keys`,
        replace: 'if (record.keys',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 200_000 }],
    explored: 'n=2, 1 recovery',
  },
  {
    name: 'AcceptInvalid below the promise',
    rule: '4.3',
    why: 'it is invalidated though another was promised',
    edits: [
      {
        file: 'replicate/on-accept.ts',
        find: `${ACCEPT_CHECK} context.out.atOnce(from, { kind: 'nack', id, promised:
          record.promised }) return } acceptInvalid(`,
        replace: 'acceptInvalid(',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 1_000_000 }],
  },
  {
    name: 'one register for promised and accepted',
    rule: '1.2',
    why: 'Sutra 2020: a promise is forgotten, or taken for an acceptance',
    edits: [
      {
        file: 'replicate/on-accept.ts',
        find: `${ACCEPT_CHECK} context.out.atOnce(from, { kind: 'nack', id, promised:
          record.promised }) return } if (record.keys`,
        replace: `if (compareBallots(record.accepted?.ballot ?? ballot, ballot) > 0) {
    context.out.atOnce(from, { kind: 'nack', id, promised: record.promised })
    return
  }
  if (record.keys`,
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 200_000 }],
    explored: 'n=2, 1 recovery',
  },
  {
    name: 'promise forgotten in a restart',
    rule: '3.1',
    why: 'an Accept under a lower ballot is taken afterwards',
    edits: [
      {
        file: 'txn/ledger.ts',
        find: 'this.#records.set(record.id, record) this.conflicts.put(record) } }',
        replace: `this.#records.set(record.id, { ...record, promised: { ...record.promised,
          round: 0 } })
                this.conflicts.put(record)
              }
            }`,
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 200_000 }],
  },
  {
    name: 'restarted coordinator goes on under ZERO',
    rule: '4.4 restart',
    why: 'what it said before it stopped may have decided something else',
    edits: [
      {
        file: 'replica.ts',
        find: `else if (nodeOf(record.id) === this.#context.self)
         
          this.#progress.watchNow(record.id)`,
        replace: `else if (nodeOf(record.id) === this.#context.self &&
          record.promised.round === 0 &&
            record.accepted === undefined && record.vote?.yes === true)
            beginPreAccept(this.#lead, record)`,
      },
      {
        file: 'replica.ts',
        find: "import { Rounds, type Lead } from './coordinate/round.ts'",
        replace: `import { Rounds, type Lead } from './coordinate/round.ts'
          import { beginPreAccept } from './coordinate/pre-accept-round.ts'`,
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 200_000 }],
    explored: '1 restart',
  },
  {
    name: 'ballot below the own promise',
    rule: '1.2',
    why: 'a ballot is used twice',
    edits: [
      {
        file: 'coordinate/recover-round.ts',
        find: 'const round = 1 + Math.max(record.promised.round, roundSeen)',
        replace: 'const round = 1 + roundSeen',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 200_000 }],
  },
  {
    name: 'Recover sent before the promise is stored',
    rule: '1.2, 3.3',
    why: 'after a crash the ballot is issued again',
    edits: [
      {
        file: 'coordinate/recover-round.ts',
        find: "lead.context.out.afterStore(peer, { kind: 'recover'",
        replace: "lead.context.out.atOnce(peer, { kind: 'recover'",
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 200_000 }],
    explored: 'n=2, 1 recovery',
  },
  {
    name: 'PreAcceptOk sent before it is stored',
    rule: '3.3',
    why: 'a crash takes back a vote that was counted',
    edits: [
      {
        file: 'replicate/on-pre-accept.ts',
        find: "context.out.afterStore(to, { kind: 'preAcceptOk', id, witnessedAt: id,",
        replace: "context.out.atOnce(to, { kind: 'preAcceptOk', id, witnessedAt: id,",
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: 'no fault',
  },
  {
    name: 'AcceptOk sent before it is stored',
    rule: '3.3',
    why: 'a crash takes back an acceptance that was counted',
    edits: [
      {
        file: 'replicate/on-accept.ts',
        find: 'context.out.afterStore(from, accept(context',
        replace: 'context.out.atOnce(from, accept(context',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: 'no fault',
  },
  {
    name: 'RecoverOk sent before it is stored',
    rule: '3.3',
    why: 'a crash takes back a promise that was counted',
    edits: [
      {
        file: 'replicate/on-recover.ts',
        find: 'context.out.afterStore(from, promise(context',
        replace: 'context.out.atOnce(from, promise(context',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: 'n=2, 1 recovery',
  },
  {
    name: 'outcome told before it is stored',
    rule: '3.3',
    why: 'a decision is passed on that a crash takes back',
    edits: [
      {
        file: 'replicate/on-query.ts',
        find: 'context.out.afterStore(from, outcome)',
        replace: 'context.out.atOnce(from, outcome)',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 200_000 }],
  },
  {
    name: 'own Recover refused by its own ballot',
    rule: '6.1',
    why: 'a Recover that is sent again is never answered: this recovery waits for ever',
    edits: [
      {
        file: 'replicate/on-recover.ts',
        find: ACCEPT_CHECK,
        replace: 'if (compareBallots(record.promised, ballot) >= 0) {',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 20_000 }],
    harmless:
      'slow, not stuck: whoever promised watches the transaction too, and recovers it under a ' +
      'higher ballot; the scenario recover-twice keeps the rule',
  },
  {
    name: 'payload found in recovery is not used',
    rule: '6.2 step 3',
    why: 'what could be witnessed is invalidated, or waits for ever',
    edits: [
      {
        file: 'coordinate/recover-round.ts',
        find: 'if (txn !== undefined) { // Begin again',
        replace: 'if (txn !== undefined && rounds.size > 1_000) {\n      // Begin again',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 20_000 }],
    harmless:
      'recovery then proposes what has support, or invalidates what nobody can have decided: ' +
      'safe, and its client submits again where it could have had its result',
  },
  {
    name: 'pre-empted recovery not watched',
    rule: '7.1',
    why: 'a wait without anyone who ends it (found in this core by walks, once in 40 000)',
    edits: [
      {
        file: 'coordinate/coordination.ts',
        find: 'progress.backOff(id, record.promised.round)',
        replace: '',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 1_000_000 }],
  },
]
