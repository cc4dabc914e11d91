/**
 * Mutants of the node around the core: what it stores, restores, answers and finds. Hunted by whole
 * nodes, under the faults that the rule is against.
 */

import type { Mutant } from './mutant.ts'

/** Part of the table. */
export const NODE_MUTANTS: readonly Mutant[] = [
  {
    name: 'request memory not restored',
    rule: 'G7, backup',
    why: 'a retry of what was acknowledged before the backup has a second effect',
    edits: [
      {
        in: 'synevi',
        file: 'backup/restore-backup.ts',
        find: 'for (const pair of pairs) {\n this.#add(pair)',
        replace: 'for (const pair of pairs) {\n if (pair[0][0] !== 0x30) this.#add(pair)',
      },
      {
        in: 'synevi',
        file: 'backup/restore-backup.ts',
        find: 'await verified(summed, signal)',
        replace: 'void verified',
      },
    ],
    hunts: [{ by: 'simulate', only: ['restore', 'kill'], nodes: 3, seedsMax: 10 }],
  },
  {
    name: 'backup without its last entry',
    rule: 'backup',
    why: 'it is of a position that it does not hold',
    edits: [
      {
        in: 'synevi',
        file: 'backup/write-backup.ts',
        find: 'this.#count(table, pair)',
        replace: `this.#count(table, pair)
      if (table === TABLE.log && pair[0].length > 0) {
        const rest = { from: Buffer.concat([pair[0], Buffer.alloc(1)]), until: tableEnd(table) }
        if ([...this.#source.scan({ ...rest, limit: 1 })].length === 0) continue
      }`,
      },
    ],
    hunts: [{ by: 'simulate', only: ['restore', 'kill'], nodes: 3, seedsMax: 10 }],
  },
  {
    name: 'backup of many moments',
    rule: 'backup',
    why: 'what is written while it is taken is in some of its tables',
    edits: [
      {
        in: 'synevi',
        file: 'backup/write-backup.ts',
        find: 'const view = parts.store.view?.()',
        replace: `const live = parts.store
    const view: StoreView | undefined = {
      get: (key) => live.get(key),
      scan: (range) => live.scan(range),
      close: () => {},
    }`,
      },
    ],
    hunts: [{ by: 'simulate', only: ['restore', 'kill'], nodes: 3, seedsMax: 40 }],
  },
  {
    name: 'restored cluster under the old id',
    rule: 'backup',
    why: 'nodes of the old cluster take its nodes for their peers',
    edits: [
      {
        in: 'synevi',
        file: 'backup/restore-backup.ts',
        find: 'return new Uint8Array(hash(',
        replace: `if (text !== '') return new Uint8Array(Buffer.from(cluster, 'hex'))
  return new Uint8Array(hash(`,
      },
    ],
    hunts: [{ by: 'simulate', only: ['restore', 'kill'], nodes: 3, seedsMax: 10 }],
  },
  {
    name: 'damaged backup taken',
    rule: 'backup',
    why: 'what the place altered becomes the state of a cluster',
    edits: [
      {
        in: 'synevi',
        file: 'backup/record-file.ts',
        find: "if (!isWhole || sum.digest('hex') !== file.sha256)",
        replace: 'if (!isWhole)',
      },
      {
        in: 'synevi',
        file: 'backup/check-backup.ts',
        find: 'damaging(() => unseal(key, sealed))',
        replace: 'void damaging',
      },
    ],
    hunts: [{ by: 'simulate', only: ['restore', 'kill'], nodes: 3, seedsMax: 10 }],
  },
  {
    name: 'frames of another cluster taken in',
    rule: '2.1',
    why: 'a node of the cluster that was restored from has a vote in the new one',
    edits: [
      {
        in: 'synevi',
        file: 'drive/inbox.ts',
        find: 'Buffer.compare(decoded.value.cluster, cluster) !== 0',
        replace: 'Buffer.compare(decoded.value.cluster, cluster) > 1',
      },
    ],
    hunts: [{ by: 'simulate', only: ['restore', 'kill'], nodes: 3, seedsMax: 20 }],
  },
  {
    name: 'snapshot installed unchecked',
    rule: '8.4, ADR 0026',
    why: 'what was altered on the way becomes the state of this node',
    edits: [
      {
        in: 'synevi',
        file: 'snapshot/part-reader.ts',
        find: "if (Buffer.compare(digest, part.digest) !== 0) return wrong(part, 'it is damaged')",
        replace: '',
      },
      {
        in: 'synevi',
        file: 'snapshot/part-reader.ts',
        find: 'unseal(key, value)',
        replace: 'void unseal',
      },
    ],
    hunts: [
      { by: 'simulate', only: ['snapshots', 'rot', 'power', 'oneOut'], nodes: 3, seedsMax: 60 },
    ],
  },
  {
    name: 'snapshot in use before its last part',
    rule: '8.4, ADR 0026',
    why: 'a state without its end passes for the whole',
    edits: [
      {
        in: 'synevi',
        file: 'drive/snapshots.ts',
        find: 'const PART_BYTES_MAX = 262_144',
        replace: 'const PART_BYTES_MAX = 200',
      },
      {
        in: 'synevi',
        file: 'snapshot/session.ts',
        find: 'isComplete: next.isLast',
        replace: 'isComplete: next.isLast || next.place.lastKey[0] === 0x40',
      },
      {
        in: 'synevi',
        file: 'snapshot/session.ts',
        find: 'const WRITE_BYTES = 4_194_304',
        replace: 'const WRITE_BYTES = 100',
      },
    ],
    hunts: [{ by: 'simulate', only: ['snapshots', 'power', 'oneOut'], nodes: 3, seedsMax: 60 }],
  },
  {
    name: 'snapshot switched to in two writes',
    rule: 'ADR 0026',
    why: 'a crash between them leaves one state under the facts of another',
    edits: [
      {
        in: 'synevi',
        file: 'drive/install-snapshot.ts',
        find: "if (flip.kind === 'ready') await parts.write(flip.mutations)",
        replace: `if (flip.kind === 'ready') {
      await parts.write(flip.mutations.slice(0, 1))
      await parts.write(flip.mutations.slice(1))
    }`,
      },
    ],
    hunts: [
      {
        ...{ by: 'simulate', only: ['snapshots', 'snapshotCrash', 'power', 'oneOut'] },
        ...{ nodes: 3, seedsMax: 100 },
      },
    ],
  },
  {
    name: 'answer before the Applied write',
    rule: 'ADR 0018',
    why: 'a local read goes back behind an answer of its node',
    edits: [
      {
        in: 'synevi',
        file: 'drive/own-transactions.ts',
        find: 'if (this.#submissions.has(id)) this.#outcomes.set(id, outcomes)',
        replace: `const submission = this.#submissions.get(id)
    if (submission === undefined) return
    this.#outcomes.set(id, outcomes)
    this.#parts.batcher.settle(submission, outcomes)`,
      },
    ],
    hunts: [{ by: 'simulate', only: ['slowDisk', 'power'], nodes: 3, seedsMax: 20 }],
  },
  {
    name: 'required features not written',
    rule: 'ADR 0033',
    why: 'the others use what this node would lack after it went back to the release before',
    edits: [
      {
        in: 'synevi',
        file: 'state/node-state.ts',
        find: 'into.push(...formatFeatures(write.features))',
        replace: 'void formatFeatures',
      },
    ],
    hunts: [{ by: 'simulate', only: ['mixedVersions', 'kill'], nodes: 3, seedsMax: 20 }],
  },
  {
    name: 'features offered while they are held back',
    rule: 'ADR 0033',
    why: 'the store requires what its node was told not to use yet',
    edits: [
      {
        in: 'synevi',
        file: 'drive/open-replica.ts',
        find: "options.features === 'hold' ? NO_FEATURES : ALL_FEATURES",
        replace: "options.features === 'hold' ? ALL_FEATURES : ALL_FEATURES",
      },
    ],
    hunts: [{ by: 'simulate', only: ['mixedVersions', 'kill'], nodes: 3, seedsMax: 20 }],
  },
  {
    name: 'scrubber passes over one table',
    rule: 'ADR 0032',
    why: 'what the disk altered there is found when its last copy is gone',
    edits: [
      {
        in: 'synevi',
        file: 'state/sum-walk.ts',
        find: 'unseal(sealKeyOf(key), sealed)\n } catch (error) {',
        replace: `if (key[0] !== 0x31) unseal(sealKeyOf(key), sealed)
    } catch (error) {`,
      },
      {
        in: 'synevi',
        file: 'state/sum-walk.ts',
        find: '.filter(({ table }) => !this.#spoilt.has(table))',
        replace: '.filter(({ table }) => !this.#spoilt.has(table) && table !== 0x31)',
      },
    ],
    hunts: [{ by: 'simulate', only: ['damage', 'kill'], nodes: 3, seedsMax: 100 }],
  },
  {
    name: 'diverged node goes on answering',
    rule: '7.6',
    why: 'it shows a state that no majority has',
    edits: [
      {
        in: 'synevi',
        file: 'observe/node-health.ts',
        find: "undefined : refuse('DIVERGED', this.#diverged)",
        replace: 'undefined : undefined',
      },
    ],
    hunts: [{ by: 'simulate', only: ['diverge', 'kill'], nodes: 3, seedsMax: 20 }],
  },
  {
    name: 'divergence is not looked for',
    rule: '7.6',
    why: 'a node whose results differ goes on for ever',
    edits: [
      {
        file: 'execute/divergence.ts',
        find: 'if (same === undefined || sameHeads(same, theirs)) return',
        replace: 'if (same !== undefined || sameHeads(mine, theirs)) return',
      },
    ],
    hunts: [{ by: 'simulate', only: ['diverge', 'kill'], nodes: 3, seedsMax: 20 }],
  },
]
