/** Mutants of votes, quorums and the fast path (`protocol.md` 1.6, 2, 4.4). */

import type { Mutant } from './mutant.ts'

/** Part of the table. */
export const QUORUM_MUTANTS: readonly Mutant[] = [
  {
    name: 'fast quorum F-1',
    rule: '2.1',
    why: 'n - f + F is n: a recovery may see too few of the yes votes to know that it was decided',
    edits: [
      {
        file: 'topology/quorum-sizes.ts',
        find: 'const fast = Math.max(2 * f, n - f)',
        replace: 'const fast = Math.max(n > 3 ? 2 * f - 1 : 2 * f, n - f)',
      },
    ],
    hunts: [{ by: 'walk', n: 5, seedsMax: 200_000 }],
  },
  {
    name: 'majority among the others only',
    rule: '2.1',
    why: 'the coordinator does not count itself, so three nodes survive the loss of none',
    edits: [
      {
        file: 'topology/quorum-sizes.ts',
        find: 'const q = n - f',
        replace: 'const q = Math.min(n, n - f + 1)',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: '1 death',
  },
  {
    name: 'slow quorum one too small',
    rule: '2.1',
    why: 'two slow quorums need not meet',
    edits: [
      {
        file: 'topology/quorum-sizes.ts',
        find: 'const q = n - f',
        replace: 'const q = Math.max(1, n - f - 1)',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: 'no fault',
  },
  {
    name: 'support f',
    rule: '4.4, 6.2 step 4',
    why:
      'a timestamp is proposed that only f members voted at or below: a quorum may have ' +
      'passed it',
    edits: [
      {
        file: 'coordinate/least-supported.ts',
        find: '.sort(compareTimestamps)[f]',
        replace: '.sort(compareTimestamps)[Math.max(0, f - 1)]',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: 'no fault',
  },
  {
    name: 'support f+2',
    rule: '4.4, 6.2 step 4',
    why: 'the yes votes of a fast decision are one too few to be seen by its recovery',
    edits: [
      {
        file: 'coordinate/least-supported.ts',
        find: '.sort(compareTimestamps)[f]',
        replace: '.sort(compareTimestamps)[f + 1]',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: '1 loss',
  },
  {
    name: 'own vote sent before it is stored',
    rule: '2.2 c, 3.3',
    why: 'a crash takes back the vote that a yes elsewhere is the proof of',
    edits: [
      {
        file: 'coordinate/pre-accept-round.ts',
        find: "lead.context.out.afterStore(peer, { kind: 'preAccept'",
        replace: "lead.context.out.atOnce(peer, { kind: 'preAccept'",
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: 'no fault',
  },
  {
    name: 'fast decision revealed before it is stored',
    rule: '2.2 d',
    why: 'a crash takes the decision back after others acted on it',
    edits: [
      {
        file: 'coordinate/decide.ts',
        find: "context.out.afterStore(peer, { kind: 'stable',",
        replace: "context.out.atOnce(peer, { kind: 'stable',",
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: 'no fault',
  },
  {
    name: 'executed before the decision is stored',
    rule: '2.2 d, 3.3',
    why: 'a local read shows what a crash takes back',
    edits: [
      { file: 'execute/execution-order.ts', find: 'durable: false,', replace: 'durable: true,' },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: 'no fault',
  },
  {
    name: 'fast decision after an own promise',
    rule: '2.2 b',
    why: 'the recoverer that holds the promise relies on it that c does not decide fast',
    edits: [
      {
        file: 'coordinate/pre-accept-round.ts',
        find: `if (record.outcome !== undefined || !isZero(record.promised) || record.accepted
          !== undefined)`,
        replace: `if (record.outcome !== undefined || (!isZero(record.promised) &&
          record.accepted !==
            undefined))`,
      },
      {
        file: 'coordinate/coordination.ts',
        find: 'if (compareBallots(record.promised, round.ballot) > 0) return true',
        replace: `if (round.kind !== 'preAccept' &&
          compareBallots(record.promised, round.ballot) > 0)
            return true`,
      },
    ],
    hunts: [
      { by: 'walk', n: 3, seedsMax: 200_000 },
      { by: 'explore', bounds: '1 recovery of the first' },
    ],
    explored: 'n=2, 1 recovery',
  },
  {
    name: 'one vote counted twice',
    rule: '2.1',
    why: 'a duplicate reply makes a quorum of too few',
    edits: [
      {
        file: 'coordinate/pre-accept-round.ts',
        find: `if (round?.kind !== 'preAccept' || round.votes.has(from)) return if (round.resends
          === 0) measure(lead, round, from) round.votes.set(from, message.witnessedAt)`,
        replace: `if (round?.kind !== 'preAccept') return
            round.votes.set(round.votes.has(from) ? context0(from) : from, message.witnessedAt)`,
      },
      {
        file: 'coordinate/pre-accept-round.ts',
        find: 'function patienceIsOver',
        replace: `function context0(from: NodeSerial): NodeSerial {
            return (from + 1000) as NodeSerial
          }
          
          void measure
          
          function patienceIsOver`,
      },
    ],
    hunts: [
      { by: 'walk', n: 5, seedsMax: 200_000 },
      { by: 'explore', bounds: '1 duplicate' },
    ],
  },
  {
    name: 'one AcceptOk counted twice',
    rule: '2.1',
    why: 'a duplicate reply makes a quorum of too few',
    edits: [
      {
        file: 'coordinate/accept-round.ts',
        find: `if (round.oks.has(from) && (round.oks.get(from) !== undefined || message.deps ===
          undefined)) return round.oks.set(from, message.deps)`,
        replace:
          'round.oks.set(round.oks.has(from) ? ((from + 1000) as NodeSerial) : from, message.deps)',
      },
    ],
    hunts: [{ by: 'walk', n: 5, seedsMax: 200_000 }],
  },
  {
    name: 'one RecoverOk counted twice',
    rule: '2.1',
    why: 'a duplicate reply makes a quorum of too few',
    edits: [
      {
        file: 'coordinate/recover-round.ts',
        find: 'if (round.replies.has(from)) return round.replies.set(from, message)',
        replace: `round.replies.set(round.replies.has(from) ? ((from + 1000) as NodeSerial) : from,
            message)`,
      },
    ],
    hunts: [{ by: 'walk', n: 5, seedsMax: 200_000 }],
  },
  {
    name: 'vote again on a duplicate PreAccept',
    rule: '1.6',
    why: 'a vote counts as support and as evidence; it may not change',
    edits: [
      {
        file: 'replicate/on-pre-accept.ts',
        find: 'if (record.vote === undefined) {',
        replace: 'if (id > 0n) {',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 200_000 }],
    explored: '1 duplicate',
  },
  {
    name: 'the coordinator does not vote',
    rule: '2.2 c',
    why: 'its vote is in the fast quorum, and recovery counts it when it is absent',
    edits: [
      {
        file: 'coordinate/coordination.ts',
        find: 'keys, vote: { witnessedAt: id, yes: true } }',
        replace: 'keys }',
      },
      {
        file: 'coordinate/pre-accept-round.ts',
        find: `invariant(vote?.yes === true, 'a coordinator votes yes on its own transaction,
          first')`,
        replace: '',
      },
      {
        file: 'coordinate/pre-accept-round.ts',
        find: 'vote.witnessedAt',
        replace: 'vote?.witnessedAt ?? id',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: 'no fault',
  },
  {
    name: 'greatest conflict by id',
    rule: '1.6',
    why: 'a transaction may be decided later than its id; a yes below that place loses real time',
    edits: [
      {
        file: 'replicate/vote.ts',
        find: "if (record.outcome?.kind === 'decided') return record.outcome.executeAt",
        replace: "if (record.outcome?.kind === 'decided') return record.id",
      },
      {
        file: 'replicate/vote.ts',
        find: 'return voted === undefined ? accepted : maxTimestamp(accepted, voted)',
        replace: 'return voted === undefined ? accepted : record.id',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 200_000 }],
  },
  {
    name: 'applied past not counted in votes',
    rule: '1.6',
    why: 'the greatest conflict may be applied, and stands in no live record',
    edits: [
      {
        file: 'replicate/vote.ts',
        find: 'let greatest = context.marks.max(keys)',
        replace: 'let greatest = context.marks.max([])',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 200_000 }],
    explored: 'no fault',
  },
  {
    name: 'clock forgotten in a restart',
    rule: '1.3',
    why: 'timestamps are issued twice, or below what was counted',
    edits: [
      {
        file: 'time/hybrid-clock.ts',
        find: 'this.#last = reserve',
        replace: 'this.#last = hlc(0n)',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 200_000 }],
  },
  {
    name: 'clock reserve never stored',
    rule: '1.3',
    why: 'a restart begins below what was issued',
    edits: [
      {
        file: 'time/hybrid-clock.ts',
        find: 'if (this.#last <= this.#reserve) return undefined',
        replace: 'if (this.#last > 0n) return undefined',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: 'no fault',
  },
]
