/** Mutants of reads that write nothing (`protocol.md` 9). */

import type { Mutant } from './mutant.ts'

const ROUND = 'coordinate/read-round.ts'

/** Part of the table. */
export const READ_MUTANTS: readonly Mutant[] = [
  {
    name: 'read with a minority',
    rule: '9',
    why: 'the support of what was answered lies elsewhere',
    edits: [
      {
        file: ROUND,
        find: 'round.replies.size < this.#parts.lead.context.epochs.open.sizes.q',
        replace: 'round.replies.size < this.#parts.lead.context.epochs.open.sizes.q - 1',
      },
    ],
    hunts: [
      { by: 'walk', n: 3, seedsMax: 50_000 },
      { by: 'explore', bounds: '1 read' },
    ],
  },
  {
    name: 'read without waiting for deps',
    rule: '9',
    why: 'what the quorum named is not in the state here',
    edits: [
      {
        file: ROUND,
        find: 'if (round.ids === undefined || round.ids.size > 0 || round.marks.length > 0) return',
        replace: 'if (round.ids === undefined) return',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
  },
  {
    name: 'read without waiting for marks',
    rule: '9',
    why: 'what another has applied is missing here',
    edits: [
      {
        file: ROUND,
        find: 'round.ids.size > 0 || round.marks.length > 0) return',
        replace: 'round.ids.size > 0) return',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
  },
  {
    name: 'read: an undecided dep is resolved',
    rule: '9, 5.1',
    why: 'it may have been decided and answered elsewhere',
    edits: [
      {
        file: ROUND,
        find: 'if (record?.outcome === undefined) return false if (record.applied',
        replace: 'if (record?.outcome === undefined) return true\n    if (record.applied',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
  },
  {
    name: 'read: a decided dep is resolved',
    rule: '9, 5.1',
    why: 'decided is not applied: with t = +∞ every decided dep stands before the read',
    edits: [
      {
        file: ROUND,
        find: 'record.keys !== undefined && marks.covers(record.keys, record.outcome.executeAt)',
        replace: "record.keys !== undefined || marks.covers('all', record.outcome.executeAt)",
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
  },
  {
    name: 'read shares a round that left before it',
    rule: '9',
    why: 'the answers may be older than what was answered before it began',
    edits: [
      {
        file: ROUND,
        find: 'if (reason === undefined) this.#gather(read, keys)',
        replace: `const under = [...this.#rounds.values()].find((each) => sameKeys(each.keys, keys))
    if (reason === undefined && under !== undefined) {
      under.reads.add(read)
      this.#where.set(read, under)
    } else if (reason === undefined) this.#gather(read, keys)`,
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
  },
  {
    name: 'read answered before what it saw is durable',
    rule: '3.3, ADR 0027',
    why: 'a crash takes back what was shown',
    edits: [
      {
        file: ROUND,
        find: "out.readsAfterStore.push({ kind: 'ready', read })",
        replace: "out.reads.push({ kind: 'ready', read })",
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
  },
  {
    name: 'read rounds numbered anew in each life',
    rule: '9',
    why: 'an answer that was given before the restart is counted for a read after it',
    edits: [
      {
        file: ROUND,
        find: 'const first = Number(this.#storedSeq) * ROUNDS_PER_WRITE',
        replace: 'const first = this.#end',
      },
    ],
    hunts: [{ by: 'explore', bounds: '2 reads at a node, 1 restart' }],
  },
  {
    name: 'ReadDepsOk without what is undecided',
    rule: '4.2, 9',
    why: 'a vote may be part of the support of what was answered',
    edits: [
      {
        file: 'replicate/on-read-deps.ts',
        find: 'return { ids: ids.filter((id) => !isUnborn(context, id)), marks }',
        replace: `return {
    ids: ids.filter((id) => context.ledger.get(id)?.outcome !== undefined),
    marks,
  }`,
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
  },
  {
    name: 'ReadDepsOk names what is not born',
    rule: '3.3, 9',
    why: 'after a crash the id is minted again, and others have heard of it',
    edits: [
      {
        file: 'replicate/on-read-deps.ts',
        find: 'return context.reader.record(id) === undefined',
        replace: 'return context.stopped',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
  },
  {
    name: 'read without its own answer’s undecided',
    rule: '9',
    why: 'its own answer is one of the quorum, and its vote may be the support',
    edits: [
      {
        file: ROUND,
        find: 'round.replies.set(lead.context.self, depsForRead(lead.context, keys))',
        replace: `round.replies.set(lead.context.self, {
        ...depsForRead(lead.context, keys),
        ids: [],
      })`,
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
  },
  {
    name: 'reads do not ask for what they wait for (stuck)',
    rule: '7.1, 9',
    why: 'a dep that nobody drives is never decided',
    edits: [
      {
        file: ROUND,
        find: 'progress.blocks(id, record !== undefined)',
        replace: 'void progress',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
  },
  {
    name: 'ReadDeps is not sent again (stuck)',
    rule: '7.1',
    why: 'one lost message and the read waits for ever',
    edits: [
      { file: ROUND, find: 'round.resends += 1 this.#send(round)', replace: 'round.resends += 1' },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 50_000 }],
  },
  {
    name: 'read before earlier epochs are finished',
    rule: '9, 10.4',
    why: 'deps of an epoch never name what an earlier one decided',
    edits: [
      {
        file: ROUND,
        find: 'if (this.#parts.lead.context.succession.executing < round.epoch) return',
        replace: '',
      },
    ],
    hunts: [{ by: 'walk', n: 3, changes: true, seedsMax: 8_000 }],
  },
  {
    name: 'reorder buffer that never lets go (stuck)',
    rule: '11',
    why: 'a held PreAccept is a late one, not a lost one, and what is sent again is the same one',
    edits: [
      {
        file: 'replicate/reorder-buffer.ts',
        find: 'this.#timers.set(id, millis(context.now.elapsed + waitMs))',
        replace: 'void waitMs',
      },
    ],
    hunts: [
      { by: 'walk', n: 2, seedsMax: 20_000 },
      { by: 'walk', n: 3, seedsMax: 50_000 },
    ],
  },
]
