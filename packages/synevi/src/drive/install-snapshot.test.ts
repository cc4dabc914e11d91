/** A snapshot is not installed in a node that ended meanwhile. */

import { describe, expect, it } from 'vitest'
import type { Manifest } from '../snapshot/manifest.ts'
import { installSnapshot, type InstallParts } from './install-snapshot.ts'

describe('installSnapshot', () => {
  it('writes nothing when the node ended while its driver stopped', async () => {
    const done: string[] = []
    // It gets no further than to ask whether the node ended.
    const parts = {
      options: { executors: [] },
      stop: () => Promise.resolve(done.push('stop')),
      isOver: () => true,
      write: () => Promise.resolve(done.push('write')),
      reopened: () => done.push('reopened'),
      failed: () => done.push('failed'),
    } as unknown as InstallParts
    const end = await installSnapshot({ base: undefined } as Manifest, parts)
    expect(end).toEqual({ kind: 'failed', why: 'this node ended' })
    expect(done).toEqual(['stop'])
  })
})
