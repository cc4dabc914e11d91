/** Cases of the rules that look at code. */

import type { Cases } from './case.ts'

const CORE = 'packages/accord/src'

/** In the order of the rules. */
export const CODE_CASES: Cases = {
  'package-floors': [
    {
      bad: { [`${CORE}/a.ts`]: "import { Node } from 'synevi'\n" },
      at: [`${CORE}/a.ts:1`],
      good: { 'packages/synevi/src/a.ts': "import { x } from '@synevi/accord'\n" },
    },
    {
      bad: { [`${CORE}/a.ts`]: "\nimport { readFileSync } from 'node:fs'\n" },
      at: [`${CORE}/a.ts:2`],
      good: { 'packages/synevi/src/a.ts': "import { readFileSync } from 'node:fs'\n" },
    },
    {
      bad: { 'packages/synevi/src/a.ts': "import { open } from 'lmdb'\n" },
      at: ['packages/synevi/src/a.ts:1'],
      good: { 'packages/store-lmdb/src/a.ts': "import { open } from 'lmdb'\n" },
    },
    {
      bad: { 'packages/store-lmdb/src/a.ts': "import { x } from '@synevi/network-grpc'\n" },
      at: ['packages/store-lmdb/src/a.ts:1'],
      good: { 'packages/store-lmdb/src/a.test.ts': "import { x } from '@synevi/conformance'\n" },
    },
    {
      bad: { 'packages/synevi/src/a.ts': "import { x } from '@synevi/accord/src/a.ts'\n" },
      at: ['packages/synevi/src/a.ts:1'],
      good: { 'packages/synevi/src/a.ts': "import { x } from './b.ts'\n" },
    },
    {
      bad: { 'packages/synevi/src/a.ts': "import { x } from '../../accord/src/a.ts'\n" },
      at: ['packages/synevi/src/a.ts:1'],
      good: { 'packages/synevi/src/c/a.ts': "import { x } from '../b.ts'\n" },
    },
    {
      bad: { 'packages/novel/src/a.ts': '' },
      at: ['packages/novel/src/a.ts:0'],
      good: { 'scripts/a.ts': "import { x } from 'anything'\n" },
    },
  ],
  'core-floors': [
    {
      bad: { [`${CORE}/txn/a.ts`]: "import { x } from '../message/message.ts'\n" },
      at: [`${CORE}/txn/a.ts:1`],
      good: { [`${CORE}/message/a.ts`]: "import { x } from '../txn/txn.ts'\n" },
    },
    {
      bad: { [`${CORE}/replicate/a.ts`]: "import type { X } from '../coordinate/b.ts'\n" },
      at: [`${CORE}/replicate/a.ts:1`],
      good: { [`${CORE}/replicate/a.test.ts`]: "import { x } from '../coordinate/b.ts'\n" },
    },
    {
      bad: { [`${CORE}/novel/a.ts`]: '' },
      at: [`${CORE}/novel/a.ts:0`],
      good: { [`${CORE}/index.ts`]: "export * from './replica.ts'\n" },
    },
  ],
  'import-cycles': [
    {
      bad: {
        'packages/synevi/src/a.ts': "import { b } from './b.ts'\n",
        'packages/synevi/src/b.ts': "import type { C } from './c.ts'\n",
        'packages/synevi/src/c.ts': "import { a } from './a.ts'\n",
      },
      at: ['packages/synevi/src/a.ts:0'],
      good: {
        'packages/synevi/src/a.ts': "import { b } from './b.ts'\nimport { c } from './c.ts'\n",
        'packages/synevi/src/b.ts': "import type { C } from './c.ts'\n",
        'packages/synevi/src/c.ts': '',
      },
    },
  ],
  'import-style': [
    {
      bad: { 'scripts/a.ts': "import { b } from './b.js'\n" },
      at: ['scripts/a.ts:1'],
      good: { 'scripts/a.ts': "import { b } from './b.ts'\n" },
    },
    {
      bad: { 'scripts/a.ts': "import './b.ts'\n" },
      at: ['scripts/a.ts:1'],
      good: { 'scripts/a.ts': "await import('./b.ts')\n" },
    },
    {
      bad: { 'packages/synevi/src/a.ts': "export * from './b.ts'\n" },
      at: ['packages/synevi/src/a.ts:1'],
      good: { 'packages/synevi/src/index.ts': "export * from './b.ts'\n" },
    },
  ],
  'named-exports': [
    {
      bad: { 'scripts/a.ts': 'export default 3\n' },
      at: ['scripts/a.ts:1'],
      good: { 'vitest.config.ts': 'export default 3\n' },
    },
  ],
  'hidden-state': [
    {
      bad: { 'packages/synevi/src/a.ts': 'let count = 0\nconst seen = new Map<string, A>()\n' },
      at: ['packages/synevi/src/a.ts:1', 'packages/synevi/src/a.ts:2'],
      good: { 'packages/synevi/src/a.ts': 'const kinds = new Set([1])\n{\n  let count = 0\n}\n' },
    },
  ],
  'core-purity': [
    {
      bad: { [`${CORE}/a.ts`]: 'const a = Date.now()\nconst b = Math.random()\n' },
      at: [`${CORE}/a.ts:1`, `${CORE}/a.ts:2`],
      good: { 'packages/synevi/src/a.ts': 'const a = Date.now()\n' },
    },
    {
      bad: { [`${CORE}/a.ts`]: 'export async function a(): Promise<void> {\n  await b\n}\n' },
      at: [`${CORE}/a.ts:1`, `${CORE}/a.ts:1`, `${CORE}/a.ts:2`],
      good: { [`${CORE}/a.ts`]: '// a Date, a Promise\nconst a = { process: 1, b: c.console }\n' },
    },
    {
      bad: { [`${CORE}/a.ts`]: 'const a = b.sort()\nsetTimeout(c, 1)\nBuffer.from(d)\n' },
      at: [`${CORE}/a.ts:2`, `${CORE}/a.ts:3`, `${CORE}/a.ts:1`],
      good: { [`${CORE}/a.ts`]: 'const a = b.sort(compare)\n' },
    },
  ],
  'drawer-names': [
    {
      bad: { 'packages/synevi/src/utils/a.ts': '', 'packages/synevi/src/helpers.ts': '' },
      at: ['packages/synevi/src/helpers.ts:0', 'packages/synevi/src/utils/a.ts:0'],
      good: { 'packages/synevi/src/backoff.ts': '' },
    },
  ],
  'file-names': [
    {
      bad: { 'packages/synevi/src/HashChain.ts': 'export class HashChain {}\n' },
      at: ['packages/synevi/src/HashChain.ts:0'],
      good: { 'packages/synevi/src/hash-chain.ts': 'export class HashChain {}\n' },
    },
    {
      bad: { 'packages/synevi/src/chain.ts': 'export class Verifier {}\n' },
      at: ['packages/synevi/src/chain.ts:0'],
      good: { 'packages/synevi/src/verify.ts': 'export class Verifier {}\n' },
    },
  ],
  'empty-words': [
    {
      bad: {
        'packages/synevi/src/a.ts': 'export class PeerManager {}\nexport type NodeInfo = 1\n',
      },
      at: ['packages/synevi/src/a.ts:1', 'packages/synevi/src/a.ts:2'],
      good: { 'packages/synevi/src/a.ts': 'export class PeerLink {}\nexport type DataPath = 1\n' },
    },
    {
      bad: { 'packages/synevi/src/a.ts': 'export function processFrame() {}\n' },
      at: ['packages/synevi/src/a.ts:1'],
      good: { 'rig/src/a.ts': 'export class NodeProcess {}\nexport function decodeFrame() {}\n' },
    },
  ],
  'file-length': [
    {
      bad: { 'packages/synevi/src/a.ts': '\n'.repeat(401) },
      at: ['packages/synevi/src/a.ts:0'],
      good: { 'packages/synevi/src/a.ts': '\n'.repeat(400) },
    },
  ],
  'line-width': [
    {
      bad: { 'packages/synevi/src/a.ts': `\n${'x'.repeat(101)}\n` },
      at: ['packages/synevi/src/a.ts:2'],
      good: { 'packages/synevi/src/a.ts': `${'→'.repeat(100)}\n` },
    },
  ],
  'todo-grammar': [
    {
      bad: { 'scripts/a.ts': '// TODO: later\n/* FIXME it */\n// TODO(soon): x\n' },
      at: ['scripts/a.ts:1', 'scripts/a.ts:2', 'scripts/a.ts:3'],
      good: { 'scripts/a.ts': "// TODO(required): close it\nconst a = 'TODO: no comment'\n" },
    },
  ],
  'commented-out-code': [
    {
      bad: { 'scripts/a.ts': '// const a = b(c)\n// if (a) return\n// frame.send(a)\n//}\n' },
      at: ['scripts/a.ts:1', 'scripts/a.ts:2', 'scripts/a.ts:3', 'scripts/a.ts:4'],
      good: {
        'scripts/a.ts': '// If the peer (an old one) sends it again, return what was said.\n',
      },
    },
  ],
  'file-header': [
    {
      bad: { 'packages/synevi/src/a.ts': "import { b } from './b.ts'\n/** Late. */\n" },
      at: ['packages/synevi/src/a.ts:1'],
      good: { 'packages/synevi/src/bin/a.ts': '#!/usr/bin/env node\n/** What it is. */\n' },
    },
  ],
  'export-comments': [
    {
      bad: { 'packages/synevi/src/a.ts': '/** The file. */\n\nexport const a = 1\n' },
      at: ['packages/synevi/src/a.ts:3'],
      good: {
        'packages/synevi/src/a.ts':
          '/** The file. */\n\n/** A. */\nexport const a = 1\n' +
          '/** B. */\n// oxlint-disable-next-line x\n' +
          'export function b(c: 1): 1\nexport function b(c: 2): 2\n',
      },
    },
  ],
  'focused-tests': [
    {
      bad: { 'scripts/a.test.ts': 'it.only(a)\n\ndescribe.skip(b)\n' },
      at: ['scripts/a.test.ts:1', 'scripts/a.test.ts:3'],
      good: {
        'scripts/a.test.ts': '// Root may read what others may not.\nit.skipIf(root)(a)\nit(b)\n',
      },
    },
  ],
}
