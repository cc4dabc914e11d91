/** Mutants of epochs and of who is a member (`protocol.md` 10, 3.5). */

import type { Hunt, Mutant } from './mutant.ts'

function changes(n: number, seedsMax: number): Hunt {
  return { by: 'walk', n, changes: true, seedsMax }
}

/** Part of the table. */
export const EPOCH_MUTANTS: readonly Mutant[] = [
  {
    name: 'epoch end without waiting',
    rule: '10.3 B',
    why: 'what was undecided below the floor may still be decided in the epoch that has ended',
    edits: [
      {
        file: 'membership/epoch-closing.ts',
        find: 'const closed = this.#round?.result()',
        replace: 'const closed = this.#round?.hasty()',
      },
      {
        file: 'durability/floor-round.ts',
        find: '/** For images. */ image(): unknown {',
        replace: `/** Mutant. */ hasty(): ClosedFloor | undefined {
          if (this.#open === undefined) this.#gather()
          if (this.#open === undefined) return undefined
          return { floor: this.floor, driven: this.#driven, decided: this.#decided }
        }
        /** For images. */ image(): unknown {`,
      },
    ],
    hunts: [changes(3, 20_000), changes(5, 20_000)],
    explored: '2 → 3 members, 1 restart, 1 loss',
  },
  {
    name: 'epoch end without reported decisions',
    rule: '10.3 C',
    why: 'decided members of the tail are forgotten by those who saw nothing of them',
    edits: [
      {
        file: 'membership/epoch-closing.ts',
        find: 'new Map(closed.decided.map((entry) => [entry.id, entry]))',
        replace: 'new Map(closed.decided.slice(0, 0).map((entry) => [entry.id, entry]))',
      },
    ],
    hunts: [changes(3, 50_000), changes(5, 50_000)],
    explored: '2 → 3 members, 1 restart, 1 loss',
  },
  {
    name: 'epoch end without what was driven',
    rule: '10.3 C',
    why: 'what the closing itself drove to a decision belongs to the tail',
    edits: [
      {
        file: 'membership/epoch-closing.ts',
        find: 'if (entry !== undefined) decided.set(driven, entry)',
        replace: 'void entry',
      },
    ],
    hunts: [changes(3, 50_000), changes(5, 50_000)],
    explored: '2 → 3 members, 1 restart, 1 loss',
  },
  {
    name: 'tail from the Reconfig instead of m',
    rule: '10.3 C',
    why: 'who has applied a later one with all keys does not list what lies below it: two ends',
    edits: [
      {
        file: 'membership/epoch-closing.ts',
        find: "const last = entries.findLastIndex(({ keys }) => keys === 'all')",
        replace: 'const last = entries.findIndex((entry) => entry.id === id)',
      },
    ],
    hunts: [changes(3, 100_000), changes(5, 100_000)],
  },
  {
    name: 'tail by its greatest executeAt alone',
    rule: '10.3 C, 10.4',
    why: 'with many keys the last one does not wait for the others',
    edits: [
      {
        file: 'membership/epoch-closing.ts',
        find: 'tail: entries.slice(last)',
        replace: 'tail: [{ ...entries[entries.length - 1]!, keys: "all" }]',
      },
    ],
    hunts: [changes(3, 50_000)],
    explored: '2 → 3 members, 1 restart, 1 loss',
  },
  {
    name: 'next epoch opened at execution',
    rule: '10.5',
    why: 'transactions of two epochs are decided at once',
    edits: [
      {
        file: 'membership/epoch-closing.ts',
        find: 'this.#startAt = millis(context.now.elapsed + rank * step + jitter)',
        replace: `this.#parts.ended({
          kind: 'epochEnd',
          epoch: epoch(epochOf(pending.id)),
          reconfig: { id: pending.id, executeAt: pending.executeAt },
          tail: [{ id: pending.id, executeAt: pending.executeAt, keys: 'all' }],
          members: pending.members,
        })
        void [step, jitter]`,
      },
    ],
    hunts: [changes(3, 20_000)],
    explored: '2 → 3 members, 1 restart, 1 loss',
  },
  {
    name: 'floor of an epoch lost in a crash',
    rule: '10.5',
    why: 'a member that helped to close it witnesses afresh in it',
    edits: [
      {
        file: 'txn/floors.ts',
        find: 'this.#now = { floor: durable.floor, closedBefore: durable.closedBefore }',
        replace: 'this.#now = { floor: durable.closedBefore, closedBefore: durable.closedBefore }',
      },
    ],
    hunts: [changes(3, 200_000), changes(5, 200_000)],
  },
  {
    name: 'FloorOk from holders of the end counted',
    rule: '10.3 B',
    why: 'they may have dropped what they voted on: their list says nothing',
    edits: [
      {
        file: 'replicate/on-raise-floor.ts',
        find: 'if (end !== undefined) { context.out.afterStore(from, end) return }',
        replace: `if (end !== undefined) {
          const { floor: floor2, since: since2 } = message
          const told = raiseFloor(context, { floor: floor2, since: since2 })
          context.out.afterStore(from, { kind: 'floorOk', round: message.round, ...told })
          return
        }`,
      },
    ],
    hunts: [changes(3, 300_000), changes(5, 300_000)],
  },
  {
    name: 'executes e+1 before e is finished',
    rule: '10.4',
    why: 'deps of e+1 never mention e',
    edits: [
      {
        file: 'execute/execution-order.ts',
        find: 'if (epochOf(waiting.id) !== executing) continue',
        replace: 'void executing',
      },
    ],
    hunts: [changes(3, 20_000)],
    explored: 'one, 2 → 2 members, one',
  },
  {
    name: 'let go without waiting',
    rule: '10.3 E',
    why: 'those who go take with them what the others have not got yet',
    edits: [
      {
        file: 'membership/changeover.ts',
        find: 'if (safe.length < sizes.q) return',
        replace: 'void [safe, sizes]',
      },
    ],
    hunts: [changes(3, 50_000)],
  },
  {
    name: 'votes in epochs that it is no voter of',
    rule: '2.1, 10.6',
    why: 'learners and members that were left out have no vote',
    edits: [
      {
        file: 'door.ts',
        find: 'return context.epochs.isVoterOf(id) || context.floors.isClosed(id)',
        replace: 'return context.epochs.of(id) !== undefined',
      },
      {
        file: 'door.ts',
        find: 'if (id !== undefined && (!identity.isAdmitted || !mayHandle(parts, id))) return',
        replace: 'if (id !== undefined && !mayHandle(parts, id)) return',
      },
      {
        file: 'coordinate/pre-accept-round.ts',
        find: 'for (const peer of lead.context.epochs.of(round.id).peers) {',
        replace: 'for (const peer of lead.context.epochs.of(round.id).others) {',
      },
    ],
    hunts: [changes(3, 20_000)],
  },
  {
    name: 'learners count in quorums',
    rule: '2.1, 10.6',
    why: 'a quorum with a learner need not meet another',
    edits: [
      {
        file: 'topology/topology.ts',
        find: 'this.voters = serials.filter((serial) => this.isVoter(serial))',
        replace: 'this.voters = serials',
      },
    ],
    hunts: [changes(3, 20_000)],
  },
  {
    name: 'votes of members that were left out count',
    rule: '2.1, 10.1',
    why: 'quorums of two epochs never mix',
    edits: [
      {
        file: 'topology/epochs.ts',
        find: 'return this.#topologies.get(of) ?? this.#open',
        replace: 'return this.#topologies.get(Math.max(1, of - 1)) ?? this.#open',
      },
    ],
    hunts: [changes(3, 20_000)],
  },
  {
    name: 'unopened epoch processed',
    rule: '10.5',
    why: 'whoever has not seen an epoch end votes in the next as if nothing came before',
    edits: [
      {
        file: 'door.ts',
        find: 'if (greatestEpoch(message) > epochs.open.epoch) {',
        replace: 'if (greatestEpoch(message) > epochs.open.epoch + 1) {',
      },
      {
        file: 'door.ts',
        find: 'return context.epochs.isVoterOf(id) || context.floors.isClosed(id)',
        replace: 'return context.epochs.isVoterOf(id) || id > 0n',
      },
    ],
    hunts: [changes(3, 20_000)],
  },
  {
    name: 'clock does not see the tail',
    rule: '10.3 D',
    why: 'ids of the next epoch would not order by their clock',
    edits: [
      {
        file: 'membership/changeover.ts',
        find: 'for (const { executeAt } of end.tail) clock.observe(executeAt)',
        replace: 'void clock',
      },
    ],
    hunts: [changes(3, 100_000)],
  },
  {
    name: 'a second Reconfig takes effect, too',
    rule: '10.2',
    why: 'an epoch has one end',
    edits: [
      {
        file: 'membership/reconfig.ts',
        find: "if (isPending) return 'pending'",
        replace: 'void isPending',
      },
    ],
    hunts: [changes(3, 50_000)],
    explored: '2 → 2 members, twice, 1 restart, 1 loss',
  },
  {
    name: 'the closing is not taken up after a restart',
    rule: '10.3, 7.1',
    why: 'when all who executed the Reconfig have restarted nobody closes the epoch',
    edits: [
      {
        file: 'succession.ts',
        find: 'this.#pending = durable.pending',
        replace: 'this.#pending = undefined',
      },
    ],
    hunts: [changes(3, 50_000)],
    explored: '2 → 2 members, twice, 1 restart, 1 loss',
  },
  {
    name: 'submissions go on in a closing epoch',
    rule: '10.3',
    why: 'what is born below the floor of its own node is never voted on',
    edits: [
      {
        file: 'coordinate/coordination.ts',
        find: 'if (isEpochClosing(context)) {',
        replace: 'if (isEpochClosing(context) && this.#parked.size < 0) {',
      },
    ],
    hunts: [changes(3, 20_000)],
  },
]
