/** Mutants of floors, Barriers and truncation (`protocol.md` 8.1–8.3). */

import type { Mutant } from './mutant.ts'

/** Part of the table. */
export const FLOOR_MUTANTS: readonly Mutant[] = [
  {
    name: 'floor ignored in PreAccept',
    rule: '8.1',
    why: 'what is witnessed below a floor may be decided after the Barrier',
    edits: [
      {
        file: 'replicate/on-pre-accept.ts',
        find: 'if (floor !== undefined) return floor',
        replace: 'void floor',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 200_000 }],
  },
  {
    name: 'floor ignored in Recover',
    rule: '8.1, 6.1',
    why: 'a vote first cast in a recovery is support as any other',
    edits: [
      {
        file: 'replicate/on-recover.ts',
        find: 'if (refusalByFloor(context, id) !== undefined || isTooFarAhead(context, id))',
        replace: 'void refusalByFloor\n    if (isTooFarAhead(context, id))',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 500_000 }],
  },
  {
    name: 'closed without waiting',
    rule: '8.1 step 2',
    why: 'what was witnessed below the floor may still be decided',
    edits: [
      {
        file: 'durability/floor-round.ts',
        find: 'if (open.size > 0) return undefined',
        replace: '',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 20_000 }],
  },
  {
    name: 'floor at fewer than q',
    rule: '8.1 step 2',
    why: 'those who did not raise it may make a quorum for an id below',
    edits: [
      {
        file: 'durability/floor-round.ts',
        find: 'if (counted.length < topology.sizes.q) return',
        replace: 'if (counted.length < topology.sizes.q - 1) return',
      },
    ],
    hunts: [
      { by: 'walk', n: 3, seedsMax: 100_000 },
      { by: 'walk', n: 5, seedsMax: 100_000 },
    ],
  },
  {
    name: 'floor lost in a restart',
    rule: '8.1',
    why: 'a raiser witnesses below its floor after a crash',
    edits: [
      {
        file: 'txn/floors.ts',
        find: 'this.#now = { floor: durable.floor, closedBefore: durable.closedBefore }',
        replace: 'this.#now = { floor: durable.closedBefore, closedBefore: durable.closedBefore }',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 500_000 }],
  },
  {
    name: 'FloorOk before the floor is durable',
    rule: '3.3, 8.1',
    why: 'the same, when the crash falls between answer and write',
    edits: [
      {
        file: 'replicate/on-raise-floor.ts',
        find: "context.out.afterStore(from, { kind: 'floorOk'",
        replace: "context.out.atOnce(from, { kind: 'floorOk'",
      },
    ],
    hunts: [{ by: 'walk', n: 3, changes: true, seedsMax: 50_000 }],
  },
  {
    name: 'own floor counted before it is durable',
    rule: '8.1 step 2',
    why: 'a crash takes it back, and the Barrier stands',
    edits: [
      {
        file: 'durability/floor-round.ts',
        find: '&& context.floors.durable.floor >= this.floor',
        replace: '',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 20_000 }],
    harmless:
      'the number of a round is its own by the write that begins it, and RaiseFloor leaves ' +
      'after that write: no answer counts before the own floor is durable',
  },
  {
    name: 'what was only accepted is not named',
    rule: '8.1 step 1',
    why: 'a value may have been chosen for it',
    edits: [
      {
        file: 'replicate/on-raise-floor.ts',
        find: 'return outcome === undefined && (vote !== undefined || accepted !== undefined)',
        replace: 'void accepted\n      return outcome === undefined && vote !== undefined',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 20_000 }],
    harmless: 'what is decidable has f+1 votes, and one of them meets the q that raised the floor',
  },
  {
    name: 'own live transactions are not named',
    rule: '8.1, 1.6',
    why: 'the own-vote rule is about votes; what this node coordinates may be decided as any other',
    edits: [
      {
        file: 'replicate/on-raise-floor.ts',
        find: '.filter((id) => id < goal.floor && !context.floors.isClosed(id))',
        replace: `.filter((id) => id < goal.floor && !context.floors.isClosed(id))
      .filter((id) => Number((id >> 16n) & 0xffffn) !== context.self)`,
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
  },
  {
    name: 'id at the bound erased',
    rule: '8.2',
    why: 'closedBefore is the first id that is not closed',
    edits: [
      {
        file: 'txn/floors.ts',
        find: 'return id < this.#now.closedBefore',
        replace: 'return id <= this.#now.closedBefore',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
  },
  {
    name: 'undecided record above closedBefore erased',
    rule: '8.2',
    why: 'its vote is support that others count on',
    edits: [
      {
        file: 'durability/truncation.ts',
        find: 'this.#context.ledger.dropBelow(this.#context.floors.durable.closedBefore)',
        replace: 'this.#context.ledger.dropBelow(this.#context.floors.durable.floor)',
      },
      {
        file: 'durability/truncation.ts',
        find: 'reader.recordsBelow(floors.durable.closedBefore, SLICE_RECORDS)',
        replace: 'reader.recordsBelow(floors.durable.floor, SLICE_RECORDS)',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 20_000 }],
  },
  {
    name: 'closed when the floor is, not when the Barrier is executed',
    rule: '8.1 step 4, 8.2',
    why: 'metadata goes before what was decided below is applied here',
    edits: [
      {
        file: 'txn/floors.ts',
        find: 'this.#now = { ...this.#now, floor } this.#changed = true',
        replace: 'this.#now = { floor, closedBefore: floor }\n    this.#changed = true',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 20_000 }],
  },
  {
    name: 'closed ids taken as new',
    rule: '8.3',
    why: 'an erased record is asked for its vote again',
    edits: [
      {
        file: 'replicate/answer.ts',
        find: 'const answer = outcomeOf(record, false) ?? truncatedOf(context, record.id)',
        replace: 'const answer = outcomeOf(record, false)',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 20_000 }],
  },
  {
    name: 'Truncated taken as never',
    rule: '6.3',
    why: 'it may as well be applied',
    edits: [
      {
        file: 'coordinate/coordination.ts',
        find: `catchUp.request(from) } /** It never happened`,
        replace: `adoptInvalidated(context, id)
    catchUp.request(from)
  }

  /** It never happened`,
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 100_000 }],
  },
  {
    name: 'waits for what is closed',
    rule: '5.1',
    why: 'nobody decides it any more: what waits for it waits for ever',
    edits: [
      {
        file: 'execute/execution-order.ts',
        find: 'if (this.#context.floors.isClosed(dep)) return true',
        replace: '',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 100_000 }],
  },
  {
    name: 'bounds not in the write of the Barrier',
    rule: '5.2, 8.1 step 4',
    why: 'after a crash the Barrier is applied, and nothing is closed by it',
    edits: [
      {
        file: 'apply.ts',
        find: 'closing: closes,',
        replace: 'closing: closes === undefined ? undefined : undefined,',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 20_000 }],
  },
]
