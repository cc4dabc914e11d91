/**
 * Builds etcd and its load generator from `peers/etcd`, whose `go.mod` and `go.sum` pin every
 * module, once for each content of that folder. They lie outside the tree.
 */

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const SOURCES = fileURLToPath(new URL('../peers/etcd', import.meta.url))
const FILES = ['go.mod', 'go.sum', 'server/main.go', 'load/main.go']
/** The first time it fetches and compiles some hundred modules. */
const BUILD_MS = 20 * 60_000

/** Paths of the programs, and the version of etcd that they are. */
export interface EtcdPrograms {
  readonly server: string
  readonly load: string
  readonly version: string
}

/** Builds what is not there yet. Rejects with a sentence that says why it cannot be had. */
export async function etcdPrograms(say: (text: string) => void): Promise<EtcdPrograms> {
  const hash = createHash('sha256')
  for (const file of FILES) hash.update(readFileSync(join(SOURCES, file)))
  const version = versionIn(readFileSync(join(SOURCES, 'go.mod'), 'utf8'))
  const cache = cacheFolder()
  const folder = join(cache, `etcd-${version}-${hash.digest('hex').slice(0, 12)}`)
  const programs = { server: join(folder, 'server'), load: join(folder, 'load'), version }
  if (existsSync(programs.server) && existsSync(programs.load)) return programs
  say(`building etcd ${version} with go, once, into ${folder}; this can take minutes`)
  mkdirSync(cache, { recursive: true })
  const draft = mkdtempSync(join(cache, 'draft-'))
  try {
    await promisify(execFile)('go', ['build', '-mod=readonly', '-o', `${draft}/`, './...'], {
      cwd: SOURCES,
      timeout: BUILD_MS,
    })
    renameSync(draft, folder)
  } catch (error) {
    rmSync(draft, { recursive: true, force: true })
    throw new Error(`etcd ${version} cannot be built: ${reasonOf(error)}`, { cause: error })
  }
  return programs
}

function cacheFolder(): string {
  const root = process.env['XDG_CACHE_HOME']
  const isSet = root !== undefined && root !== ''
  return join(isSet ? root : join(homedir(), '.cache'), 'synevi-bench')
}

function versionIn(goMod: string): string {
  return /go\.etcd\.io\/etcd\/server\/v3 v(\S+)/.exec(goMod)?.[1] ?? 'unknown'
}

/** The last line that the tool printed, or what the system said. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const printed = 'stderr' in error ? String(error.stderr).trim() : ''
  return printed.split('\n').at(-1) || error.message
}
