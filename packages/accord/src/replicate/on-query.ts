/** Hearing Query: what is known, changing nothing (`protocol.md` 4.3). */

import type { Context } from '../context.ts'
import type { Query, QueryItem } from '../message/message.ts'
import type { NodeSerial, TxnId } from '../time/timestamp.ts'
import { outcomeOf, truncatedOf } from './answer.ts'

/**
 * Outcomes go once they are durable here; the rest is said at once. `tokenOf`: the progress of a
 * round led here.
 */
export function onQuery(
  context: Context,
  from: NodeSerial,
  query: { message: Query; tokenOf: (id: TxnId) => number | undefined },
): void {
  const { ids, wantTxn } = query.message
  const items: QueryItem[] = []
  for (const id of ids) {
    const record = context.ledger.get(id)
    const known = record === undefined ? undefined : outcomeOf(record, wantTxn)
    const outcome = known ?? truncatedOf(context, id)
    if (outcome !== undefined) {
      context.out.afterStore(from, outcome)
      continue
    }
    const token = query.tokenOf(id)
    const state = token !== undefined ? 'inProgress' : record === undefined ? 'unknown' : 'known'
    items.push({ id, known: state, token: token ?? 0, txn: wantTxn ? record?.txn : undefined })
  }
  if (items.length > 0) context.out.atOnce(from, { kind: 'queryOk', items })
}
