/** Mutants of deps, execution order and catch-up (`protocol.md` 4.2, 5, 7.4). */

import type { Mutant } from './mutant.ts'

/** Part of the table. */
export const ORDER_MUTANTS: readonly Mutant[] = [
  {
    name: 'own deps taken at submission',
    rule: '1.6, 4.4',
    why: 'what c voted on since is in nobody’s deps, for c did not count its own transaction',
    edits: [
      {
        file: 'coordinate/pre-accept-round.ts',
        find: 'deps: new Map(), refused: new Set(),',
        replace: `deps: new Map([[context.self, depsFor(context, record.keys ?? "all", { id,
          bound: id
            })]]),
              refused: new Set(),`,
      },
      {
        file: 'coordinate/pre-accept-round.ts',
        find: 'const deps = mergeDeps([...round.deps.values(), own])',
        replace: 'void own\n  const deps = mergeDeps([...round.deps.values()])',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 200_000 }],
    explored: 'no fault',
  },
  {
    name: 'one dep dropped from the union',
    rule: '4.2',
    why: 'a conflicting transaction is not waited for',
    edits: [
      {
        file: 'txn/deps.ts',
        find: '{ ids: [...ids].sort(compareTimestamps), marks:',
        replace:
          '{ ids: [...ids].sort(compareTimestamps).slice(0, Math.max(1, ids.size - 1)), marks:',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
  },
  {
    name: 'deps of one replica only',
    rule: '4.2',
    why: 'only the union over a quorum is a superset',
    edits: [
      {
        file: 'coordinate/accept-round.ts',
        find: 'deps: mergeDeps(given)',
        replace: 'deps: mergeDeps(given.slice(0, 1))',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 200_000 }],
    explored: 'no fault',
  },
  {
    name: 'deps at Accept bounded by the id',
    rule: '4.2',
    why: 'what stands between id and executeAt is missing',
    edits: [
      {
        file: 'replicate/on-accept.ts',
        find: 'depsFor(context, keys, { id, bound: executeAt })',
        replace:
          'depsFor(context, keys, { id, bound: id > context.marks.max(keys) ? id : executeAt })',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: 'no fault',
  },
  {
    name: 'no fresh deps at Accept',
    rule: '4.2',
    why: 'what was witnessed since the vote is missing',
    edits: [
      {
        file: 'replicate/on-accept.ts',
        find: ': depsFor(context, keys, { id, bound: executeAt })',
        replace: ': { ...depsFor(context, keys, { id, bound: executeAt }), ids: [] }',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: 'no fault',
  },
  {
    name: 'deps without the applied past',
    rule: '4.2',
    why: 'a node that is behind does not wait for what others have applied',
    edits: [
      {
        file: 'replicate/vote.ts',
        find: 'return { ids: ids.sort(compareTimestamps), marks }',
        replace: 'return { ids: ids.sort(compareTimestamps), marks: [] }',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: 'no fault',
  },
  {
    name: 'deps elided by unfinal timestamps',
    rule: '4.2',
    why: 'what voted below the last applied may still be decided above it',
    edits: [
      {
        file: 'replicate/vote.ts',
        find: 'if (bound === undefined || record.id < bound) ids.push(record.id)',
        replace: `if ((bound === undefined || record.id < bound) && (record.vote?.witnessedAt ??
            record.id) > context.marks.max(keys)) ids.push(record.id)`,
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 1_000_000 }],
  },
  {
    name: 'executed without waiting for undecided deps',
    rule: '5.1',
    why: 'they may stand before it',
    edits: [
      {
        file: 'execute/execution-order.ts',
        find: 'this.#blockers.set(dep, record !== undefined) return false',
        replace: 'this.#blockers.set(dep, record !== undefined)\n      return true',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: 'no fault',
  },
  {
    name: 'executed before its deps are applied',
    rule: '5.1',
    why: 'a decided dep with lower executeAt must run first',
    edits: [
      {
        file: 'execute/execution-order.ts',
        find: 'if (record.applied || this.#releasedIds.has(dep)) return true return ( record.keys',
        replace: `if (record.applied || this.#releasedIds.has(dep) || record.id !== 0n) return true
              return (
                record.keys`,
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: 'no fault',
  },
  {
    name: 'marks not waited for',
    rule: '5.1',
    why: 'a node that is behind runs what stands after what it has not applied',
    edits: [
      {
        file: 'execute/execution-order.ts',
        find: 'waiting.marks = waiting.marks.filter((mark) => !this.#releasedMarks.resolves(mark))',
        replace: 'waiting.marks = []',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: 'no fault',
  },
  {
    name: 'waits for a dep that stands later',
    rule: '5.1',
    why: 'two that depend on each other wait for ever',
    edits: [
      {
        file: 'execute/execution-order.ts',
        find: `if (record.outcome.kind === 'invalidated' || record.outcome.executeAt > executeAt)
          return true`,
        replace: "void executeAt\n    if (record.outcome.kind === 'invalidated') return true",
      },
    ],
    hunts: [
      { by: 'walk', n: 3, seedsMax: 50_000 },
      { by: 'explore', bounds: 'no fault' },
    ],
    explored: 'no fault',
  },
  {
    name: 'waits for a dep that never happens',
    rule: '5.1',
    why: 'an invalidated dep is never applied',
    edits: [
      {
        file: 'execute/execution-order.ts',
        find: `if (record.outcome.kind === 'invalidated' || record.outcome.executeAt > executeAt)
          return true`,
        replace: `if (record.outcome.kind === 'invalidated') return false
              if (record.outcome.executeAt > executeAt) return true`,
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 200_000 }],
  },
  {
    name: 'greatest of the runnable first',
    rule: '5.1',
    why: 'the least executeAt goes first',
    edits: [
      {
        file: 'execute/execution-order.ts',
        find: 'waiting.executeAt < least.executeAt',
        replace: 'waiting.executeAt > least.executeAt',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 20_000 }],
    harmless:
      'two that are runnable at once do not conflict: ' +
      'of two that do, the later has the earlier in its deps and waits',
  },
  {
    name: 'log entries without deps',
    rule: '7.4',
    why: 'the follower runs them before what they stand after',
    edits: [
      {
        file: 'apply.ts',
        find: 'const deps = { ids: [], marks: marks.of(keys) }',
        replace: 'const deps = { ids: [], marks: [] }',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 200_000 }],
    explored: '1 loss',
  },
  {
    name: 'applied again after a restart',
    rule: '5.2',
    why: 'what is applied is not executed twice',
    edits: [
      {
        file: 'apply.ts',
        find: 'const applied = { ...record, applied: true }',
        replace: 'const applied = { ...record, applied: false }',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: 'no fault',
  },
  {
    name: 'decided without payload not fetched',
    rule: '7.1',
    why: 'a wait without anyone who ends it',
    edits: [
      {
        file: 'coordinate/coordination.ts',
        find: 'progress.needsPayload(id) else progress.forget(id)',
        replace: 'progress.forget(id)\n    else progress.forget(id)',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 1_000_000 }],
  },
  {
    name: 'blocking dep not asked for',
    rule: '7.1',
    why: 'a dep known by id only has no timer of its own',
    edits: [
      {
        file: 'replica.ts',
        find: 'if (this.#lead.rounds.get(id) === undefined) this.#progress.blocks(id, known)',
        replace: 'void known\n      void id',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 1_000_000 }],
  },
  {
    name: 'payload not marked new',
    rule: '3.1',
    why: 'the driver writes it once, when it is new: else it is gone after a restart',
    edits: [
      {
        file: 'txn/ledger.ts',
        find: `const txnIsNew = before?.txn === undefined && record.txn !==
          undefined`,
        replace: `const txnIsNew =
          before !== undefined && before.txn === undefined && record.txn !== undefined`,
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: 'no fault',
  },
  {
    name: 'marks not stored',
    rule: '5.2',
    why: 'after a restart nothing is covered',
    edits: [
      {
        file: 'apply.ts',
        find: 'marks: changed,',
        replace: 'marks: changed.slice(1),',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
    explored: '1 restart',
  },
]
