/** One commit of a real project's history, as a line of `data/commit-history.ndjson` tells it. */

import { readFileSync } from 'node:fs'

/** What a commit did to one file. */
export interface Change {
  readonly path: string
  readonly change: 'added' | 'modified' | 'deleted'
  readonly insertions: number
  readonly deletions: number
}

/** What was committed, by whom and when. */
export interface Commit {
  /** 40 hexadecimal digits. */
  readonly commit: string
  /** Seconds since 1970. */
  readonly time: number
  /** A pseudonym. */
  readonly author: string
  readonly changes: readonly Change[]
}

/** Every commit, in the order of the file. Throws an Error that names the line which is not one. */
export function readCommits(path: string | URL): readonly Commit[] {
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
  return lines.map((line, i) => {
    const value: unknown = JSON.parse(line)
    if (!isCommit(value)) throw new Error(`line ${i + 1} is not a commit`)
    return value
  })
}

/** Whether a value has the shape of a commit. */
export function isCommit(value: unknown): value is Commit {
  if (!isObject(value)) return false
  const { commit, time, author, changes }: Partial<Record<keyof Commit, unknown>> = value
  return (
    typeof commit === 'string' &&
    /^[0-9a-f]{40}$/.test(commit) &&
    isCount(time) &&
    typeof author === 'string' &&
    Array.isArray(changes) &&
    changes.every(isChange)
  )
}

/**
 * The commit as a request: the first 128 bits of its name as a UUID, so that a retry is the same
 * request.
 */
export function requestIdOf(commit: Commit): string {
  const hex = commit.commit
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ]
  return parts.join('-')
}

function isChange(value: unknown): value is Change {
  if (!isObject(value)) return false
  const { path, change, insertions, deletions }: Partial<Record<keyof Change, unknown>> = value
  return (
    typeof path === 'string' &&
    path !== '' &&
    (change === 'added' || change === 'modified' || change === 'deleted') &&
    isCount(insertions) &&
    isCount(deletions)
  )
}

/** A safe whole number of 0 or more. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

/** Something with properties. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
