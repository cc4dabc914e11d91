/** The replicated state: what each file and each author has seen, kept alike on every node. */

import {
  answer,
  defineExecutor,
  defineQuery,
  defineTransaction,
  jsonCodec,
  ok,
  on,
  type Codec,
} from 'synevi'
import { isCommit, isCount, isObject, type Commit } from './commit.ts'

/** A file as the commits executed so far leave it. */
export interface FileState {
  readonly revisions: number
  readonly insertions: number
  readonly deletions: number
  readonly exists: boolean
  readonly lastCommit: string
  readonly lastAuthor: string
}

/** An author, likewise. */
export interface AuthorState {
  readonly commits: number
  readonly insertions: number
  readonly deletions: number
}

/** The history in four numbers. */
export interface Totals {
  readonly commits: number
  readonly files: number
  readonly authors: number
  readonly changes: number
}

const commits: Codec<Commit> = json(isCommit)
const files: Codec<FileState> = json(isFileState)
const authors: Codec<AuthorState> = json(isAuthorState)
const counts: Codec<number> = json(isCount)
const totals: Codec<Totals> = json(isTotals)
const nothing: Codec<undefined> = {
  encode: () => new Uint8Array(0),
  decode: () => undefined,
}

/** Applies one commit. Answers how many changes the history has now. */
export const ImportCommit = defineTransaction('history/import', { input: commits, ok: counts })

/** Counts what is there. */
export const CountAll = defineQuery('history/totals', { input: nothing, output: totals })

/** Per-file and per-author state of the imported history. */
export const historyExecutor = defineExecutor('history', {
  transactions: [
    on(ImportCommit, (commit, context) => {
      const byPath = context.table('files', files)
      for (const { path, change, insertions, deletions } of commit.changes) {
        const before = byPath.get(path)
        byPath.put(path, {
          revisions: (before?.revisions ?? 0) + 1,
          insertions: (before?.insertions ?? 0) + insertions,
          deletions: (before?.deletions ?? 0) + deletions,
          exists: change !== 'deleted',
          lastCommit: commit.commit,
          lastAuthor: commit.author,
        })
      }
      const byName = context.table('authors', authors)
      const author = byName.get(commit.author)
      byName.put(commit.author, {
        commits: (author?.commits ?? 0) + 1,
        insertions: (author?.insertions ?? 0) + sum(commit, 'insertions'),
        deletions: (author?.deletions ?? 0) + sum(commit, 'deletions'),
      })
      // How often each commit was executed: once, or something is wrong.
      const executed = context.table('commits', counts)
      executed.put(commit.commit, (executed.get(commit.commit) ?? 0) + 1)
      const changes = context.table('changes', counts)
      const count = (changes.get('all') ?? 0) + commit.changes.length
      changes.put('all', count)
      return ok(count)
    }),
  ],
  queries: [
    answer(CountAll, (_, view) => ({
      commits: [...view.table('commits', counts).scan()].reduce((all, [, times]) => all + times, 0),
      files: [...view.table('files', files).scan()].filter(([, file]) => file.exists).length,
      authors: [...view.table('authors', authors).scan()].length,
      changes: view.table('changes', counts).get('all') ?? 0,
    })),
  ],
})

function sum(commit: Commit, what: 'insertions' | 'deletions'): number {
  return commit.changes.reduce((all, change) => all + change[what], 0)
}

/** Canonical JSON of one shape: what is read is checked, also on the disk of this node. */
function json<T>(isShape: (value: unknown) => value is T): Codec<T> {
  return {
    encode: (value) => jsonCodec.encode(value),
    decode: (bytes) => {
      const value = jsonCodec.decode(bytes)
      if (!isShape(value)) throw new Error('the stored value does not have its shape')
      return value
    },
  }
}

function isFileState(value: unknown): value is FileState {
  return (
    isObject(value) &&
    isCount(value['revisions']) &&
    isCount(value['insertions']) &&
    isCount(value['deletions']) &&
    typeof value['exists'] === 'boolean' &&
    typeof value['lastCommit'] === 'string' &&
    typeof value['lastAuthor'] === 'string'
  )
}

function isAuthorState(value: unknown): value is AuthorState {
  return (
    isObject(value) &&
    isCount(value['commits']) &&
    isCount(value['insertions']) &&
    isCount(value['deletions'])
  )
}

function isTotals(value: unknown): value is Totals {
  return (
    isObject(value) &&
    isCount(value['commits']) &&
    isCount(value['files']) &&
    isCount(value['authors']) &&
    isCount(value['changes'])
  )
}
