/** A folder for one test, and small bytes. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bytes, Mutation } from 'synevi'
import { onTestFinished } from 'vitest'

/** A path that does not exist yet, in a folder that is removed after the test. */
export function scratchPath(name = 'data'): string {
  const parent = mkdtempSync(join(tmpdir(), 'synevi-store-lmdb-'))
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }))
  return join(parent, name)
}

export function text(value: string): Bytes {
  return new Uint8Array(Buffer.from(value))
}

export function put(key: string, value: string | Bytes): Mutation {
  return { key: text(key), value: typeof value === 'string' ? text(value) : value }
}

export function remove(key: string): Mutation {
  return { key: text(key), value: undefined }
}
