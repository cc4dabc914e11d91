/** Executors from typed handlers. */

import type { Executor } from '../contract/executor.ts'
import { SyneviError } from '../synevi-error.ts'
import type { QueryHandler } from './query.ts'
import { executorOf, isExecutorName } from './request-name.ts'
import { unknownTransaction, type TransactionHandler } from './transaction.ts'

/** What an executor consists of. */
export interface ExecutorParts {
  /** 1 or more; default 1. */
  readonly version?: number
  readonly transactions: readonly TransactionHandler[]
  readonly queries?: readonly QueryHandler[]
}

/**
 * An executor: the handlers of all transactions and queries whose names begin with its own. Throws
 * `INVALID_ARGUMENT` for a name outside `[a-z0-9-]{1,64}`, a handler of another name, or two of the
 * same.
 */
export function defineExecutor(name: string, parts: ExecutorParts): Executor {
  if (!isExecutorName(name)) refuse(name, 'its name is not 1 to 64 of a-z, 0-9 and -')
  const version = parts.version ?? 1
  if (!Number.isSafeInteger(version) || version < 1) refuse(name, 'its version is not 1 or more')
  const transactions = byName(name, 'transaction', parts.transactions)
  const queries = byName(name, 'query', parts.queries ?? [])
  return Object.freeze<Executor>({
    name,
    version,
    handles: Object.freeze([...transactions.keys()]),
    execute: (txn, context) => {
      const handler = transactions.get(txn.name)
      if (handler === undefined) throw unknownTransaction(txn.name)
      return handler.execute(txn.payload, context)
    },
    query: (query, view) => {
      const handler = queries.get(query.name)
      if (handler === undefined) throw unknownTransaction(query.name)
      return handler.answer(query.payload, view)
    },
  })
}

function byName<H extends TransactionHandler | QueryHandler>(
  executor: string,
  kind: H['kind'],
  handlers: readonly H[],
): ReadonlyMap<string, H> {
  const map = new Map<string, H>()
  for (const handler of handlers) {
    if (handler.kind !== kind) refuse(executor, `${handler.name} is no ${kind}`)
    if (executorOf(handler.name) !== executor)
      refuse(executor, `${handler.name} is of another executor`)
    if (map.has(handler.name)) refuse(executor, `${handler.name} has two handlers`)
    map.set(handler.name, handler)
  }
  return map
}

function refuse(name: string, why: string): never {
  throw new SyneviError(
    'INVALID_ARGUMENT',
    `cannot define executor ${JSON.stringify(name)}: ${why}`,
    {
      definite: true,
    },
  )
}
