/** Cases of the rules that look at manifests, documents and what they say of the code. */

import type { Cases, Texts } from './case.ts'

const CORE = 'packages/accord/src'
const MANIFEST = {
  name: 'synevi',
  version: '0.1.0',
  description: 'what it is',
  license: '(MIT OR Apache-2.0)',
  type: 'module',
  engines: { node: '>=20.19' },
  sideEffects: false,
  exports: {
    '.': { source: './src/index.ts', types: './dist/index.d.ts', default: './dist/index.js' },
  },
  files: ['dist', 'src', '!src/**/*.test.ts'],
  dependencies: {},
}

function manifest(change: Readonly<Record<string, unknown>>): Texts {
  return { 'packages/synevi/package.json': JSON.stringify({ ...MANIFEST, ...change }) }
}

const ERRORS = "export type SyneviErrorCode =\n  | 'A_B'\n\nclass C {}"
const MESSAGES =
  "export interface HashAt {\n  readonly kind: 'hashAt'\n}\n" +
  'export type Message =\n  | HashAt\n'

/** In the order of the rules. */
export const DOCUMENT_CASES: Cases = {
  manifests: [
    {
      bad: manifest({ sideEffects: true, scripts: { a: 'b' } }),
      at: ['packages/synevi/package.json:0', 'packages/synevi/package.json:0'],
      good: manifest({ files: ['dist', 'src', '!src/**/*.test.ts', 'proto'] }),
    },
    {
      bad: manifest({ dependencies: { lmdb: '^3.5.6', '@synevi/accord': '0.0.9' } }),
      at: [
        'packages/synevi/package.json:0',
        'packages/synevi/package.json:0',
        'packages/synevi/package.json:0',
      ],
      good: {
        ...manifest({ dependencies: { lmdb: '3.5.6', '@synevi/accord': '0.1.0' } }),
        'packages/synevi/README.md':
          '- `lmdb` keeps the pages on disk; eleven packages; its authors\n',
      },
    },
    {
      bad: {
        ...manifest({}),
        'rig/package.json': JSON.stringify({ ...MANIFEST, version: '0.2.0' }),
      },
      at: ['rig/package.json:0', 'rig/package.json:0'],
      good: { ...manifest({}), 'rig/package.json': JSON.stringify({ ...MANIFEST, private: true }) },
    },
    { bad: { 'rig/package.json': '[' }, at: ['rig/package.json:0'], good: manifest({}) },
  ],
  'package-readmes': [
    {
      bad: { 'rig/package.json': '{}' },
      at: ['rig/README.md:0'],
      good: { 'rig/package.json': '{}', 'rig/README.md': '# Rig\n' },
    },
  ],
  'documented-errors': [
    {
      bad: {
        'packages/synevi/src/synevi-error.ts': ERRORS,
        'docs/reference/errors.md': '# Errors\n\n## `OLD_CODE`\n',
      },
      at: ['docs/reference/errors.md:0', 'docs/reference/errors.md:0'],
      good: {
        'packages/synevi/src/synevi-error.ts': ERRORS,
        'docs/reference/errors.md': '# Errors\n\n## `A_B`\n',
      },
    },
  ],
  'decision-records': [
    {
      bad: {
        'docs/adr/0002-b.md': '# 0002 B\n\n## Context\n\n## Decision\n\n## Consequences\n',
        'docs/adr/README.md': '# Decisions\n\n- [B](0002-b.md)\n',
      },
      at: ['docs/adr/0002-b.md:0'],
      good: {
        'docs/adr/0001-b.md': '# 0001 B\n\n## Context\n\n## Decision\n\n## Consequences\n',
        'docs/adr/README.md': '# Decisions\n\n- [B](0001-b.md)\n',
      },
    },
    {
      bad: { 'docs/adr/0001-b.md': '# B\n\n## Context\n\n## Decision\n' },
      at: ['docs/adr/0001-b.md:1', 'docs/adr/0001-b.md:0', 'docs/adr/README.md:0'],
      good: {},
    },
  ],
  'one-title': [
    {
      bad: { 'a.md': '# One\n\n# Two\n', 'b.md': 'Text.\n' },
      at: ['a.md:1', 'b.md:1'],
      good: { 'a.md': '# One\n\n```sh\n# a comment\n```\n' },
    },
  ],
  'broken-links': [
    {
      bad: { 'docs/a.md': '[b](b.md)\n[c](../c.md#two)\n', 'c.md': '# One\n' },
      at: ['docs/a.md:1', 'docs/a.md:2'],
      good: {
        'docs/a.md': '[c](../c.md#one-two) [d](https://e.org/f) [g](../docs/) `[h](i.md)`\n',
        'c.md': '# One `two`\n',
      },
    },
  ],
  'named-paths': [
    {
      bad: { 'a.md': '\nSee `packages/accord/src/gone.ts`.\n' },
      at: ['a.md:2'],
      good: { 'a.md': 'See `packages/accord/src/`.\n', [`${CORE}/replica.ts`]: '' },
    },
  ],
  'named-documents': [
    {
      bad: { 'scripts/a.ts': '// See `protocl.md` 3.\n', 'docs/protocol.md': '# P\n' },
      at: ['scripts/a.ts:1'],
      good: {
        'scripts/a.ts': "// See `Protocol.md` 3.\nconst a = 'x.md'\n",
        'docs/protocol.md': '# P\n',
      },
    },
  ],
  'encoded-messages': [
    {
      bad: {
        [`${CORE}/message/message.ts`]: `\n${MESSAGES}`,
        [`${CORE}/codec/message-codec.ts`]: "// 'hashAt'\ncase 'nack':\n",
      },
      at: [`${CORE}/message/message.ts:2`],
      good: {
        [`${CORE}/message/message.ts`]: MESSAGES,
        [`${CORE}/codec/message-codec.ts`]: "case 'hashAt':\n",
      },
    },
  ],
  'documented-messages': [
    {
      bad: {
        [`${CORE}/codec/a-codec.ts`]: '  hashAt: {\n    tag: 29,\n  },\n',
        'docs/reference/wire-format.md': '# W\n\n| 28 | HashAt | position |\n',
      },
      at: ['docs/reference/wire-format.md:0', 'docs/reference/wire-format.md:0'],
      good: {
        [`${CORE}/codec/a-codec.ts`]: '  hashAt: {\n    tag: 29,\n  },\n',
        'docs/reference/wire-format.md': '# W\n\n| 29 | HashAt | position |\n',
      },
    },
  ],
  'forbidden-words': [
    {
      bad: { 'docs/a.md': `\nSee ${'/wo'}rk/shared.\n`, 'scripts/b.ts': `${'<'.repeat(7)} HEAD\n` },
      at: ['docs/a.md:2', 'scripts/b.ts:1'],
      good: { 'docs/a.md': 'See ./framework/shared and ../network/src.\n' },
    },
  ],
}
