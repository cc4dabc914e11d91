/** Versions released before, as `scripts/release.ts` packed them, to run beside this one. */

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const RIG = fileURLToPath(new URL('..', import.meta.url))

/** A released version on this disk. */
export interface Release {
  readonly version: string
  /** Its node process. */
  readonly member: string
  /** Its packages, by name: what `import` of that name gave its users. */
  readonly module: (name: string) => string
}

/**
 * Unpacks it, once. Below the rig, so that it finds LMDB and gRPC where this version does. Throws
 * when it was not packed, or `tar` is missing.
 */
export function unpackRelease(version: string): Release {
  const packed = join(RIG, 'releases', `synevi-${version}.tgz`)
  const hash = createHash('sha256').update(readFileSync(packed)).digest('hex').slice(0, 16)
  const folder = join(RIG, '.cache', 'releases', `${version}-${hash}`)
  if (!existsSync(folder)) unpack(packed, folder)
  const at = join(folder, 'package')
  return {
    version,
    member: join(at, 'member', 'member.js'),
    module: (name) => join(at, 'node_modules', name, 'dist', 'index.js'),
  }
}

/** Whole or not at all, whoever else does the same. */
function unpack(packed: string, folder: string): void {
  const parent = join(RIG, '.cache', 'releases')
  mkdirSync(parent, { recursive: true })
  const work = mkdtempSync(join(parent, 'unpacking-'))
  execFileSync('tar', ['-xzf', packed, '-C', work])
  try {
    renameSync(work, folder)
  } catch {
    rmSync(work, { recursive: true, force: true })
  }
}
