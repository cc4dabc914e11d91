/** Mutants of how features are agreed on (ADR 0033). */

import type { Mutant } from './mutant.ts'

const FILE = 'topology/agreed-features.ts'

/** Part of the table. */
export const FEATURE_MUTANTS: readonly Mutant[] = [
  {
    name: 'features used as soon as all offer them',
    rule: 'ADR 0033',
    why: 'a member whose store requires nothing yet may go back to a build that lacks them',
    edits: [
      {
        file: FILE,
        find: 'active |= required & ALL_FEATURES',
        replace: 'active |= offered & this.#stored.requires & ALL_FEATURES',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 20_000 }],
  },
  {
    name: 'features used before all have them',
    rule: 'ADR 0033',
    why: 'a member of the release before meets what it does not know',
    edits: [
      {
        file: FILE,
        find: 'offered &= claims.offers | claims.requires\n required &= claims.requires',
        replace: 'if (claims.requires !== 0) required &= claims.requires',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 20_000 }],
  },
  {
    name: 'required features told before that is durable',
    rule: 'ADR 0033',
    why: 'a crash takes it back, and the others use them already',
    edits: [
      {
        file: FILE,
        find: 'requires: this.#stored.requires, active: this.active }',
        replace: 'requires: this.#wanted.requires, active: this.active }',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 20_000 }],
  },
  {
    name: 'own store not asked whether it requires them',
    rule: 'ADR 0033',
    why: 'this node itself could go back',
    edits: [
      {
        file: FILE,
        find: 'let required = this.#stored.requires',
        replace: 'let required = this.#wanted.requires',
      },
      {
        file: FILE,
        find: 'return this.#wanted.active & this.#stored.requires',
        replace: 'return this.#wanted.active',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 20_000 }],
  },
  {
    name: 'one member with features is enough',
    rule: 'ADR 0033',
    why: 'what one store requires says nothing of the others',
    edits: [
      {
        file: FILE,
        find: 'active |= claims.active & this.#stored.requires',
        replace: 'active |= claims.requires & this.#stored.requires',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 20_000 }],
  },
  {
    name: 'version 1 with a field of version 2',
    rule: 'ADR 0033',
    why: 'a peer of the release before gets what it was never tried with',
    edits: [
      {
        file: 'codec/upkeep-codec.ts',
        find: 'if (writer.version >= 2) writeClaims(writer, message.features)',
        replace: 'writeClaims(writer, message.features)',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 20_000 }],
  },
  {
    name: 'features used and sent to a peer of version 1',
    rule: 'ADR 0033',
    why: 'it does not know the message, and passes over it or worse',
    edits: [
      {
        file: FILE,
        find: 'return (this.active & featureSet([feature])) !== 0',
        replace: 'return (this.#offers & featureSet([feature])) !== 0',
      },
      {
        file: 'codec/frame.ts',
        find: 'frame.messages.filter(({ kind }) => isInVersion(kind, version))',
        replace: 'frame.messages',
      },
    ],
    hunts: [{ by: 'walk', n: 3, seedsMax: 20_000 }],
  },
]
