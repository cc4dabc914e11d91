/** Typed transactions: a name, an input, what comes of it. */

import type { Bytes } from '@synevi/accord'
import type { ExecuteContext, Outcome } from '../contract/executor.ts'
import { SyneviError } from '../synevi-error.ts'
import { neverCodec, voidCodec } from './plain-codecs.ts'
import { checkRequestName } from './request-name.ts'
import type { Result } from './result.ts'
import { decodeShape, shapeCodec, type Shape } from './schema-codec.ts'

/** Ready to be submitted. `shape` decodes what comes of it, at the caller. */
export interface Transaction<Ok, Err> {
  readonly name: string
  readonly payload: Bytes
  readonly shape: { readonly ok: Shape<Ok>; readonly err: Shape<Err> }
}

/** Makes transactions of one name. Throws `SCHEMA_INVALID` for an input without the shape. */
export interface TransactionType<In, Ok, Err> {
  (input: In): Transaction<Ok, Err>
  readonly transaction: string
  readonly input: Shape<In>
  readonly shape: { readonly ok: Shape<Ok>; readonly err: Shape<Err> }
}

/** What handles requests of one name in an executor; made by {@link on} and `answer`. */
export interface Handler {
  readonly name: string
}

/** A handler of transactions: what {@link on} makes. */
export interface TransactionHandler extends Handler {
  readonly kind: 'transaction'
  readonly execute: (payload: Bytes, context: ExecuteContext) => Outcome | Promise<Outcome>
}

/**
 * A transaction by name, `executor/rest`: the executor is the one that handles it. Without `ok` it
 * says nothing when it succeeds, without `err` it is never refused. Throws `INVALID_ARGUMENT` for a
 * name that is none or is reserved.
 */
export function defineTransaction<In, Ok = void, Err = never>(
  name: string,
  shapes: { readonly input: Shape<In>; readonly ok?: Shape<Ok>; readonly err?: Shape<Err> },
): TransactionType<In, Ok, Err> {
  checkRequestName(name)
  const input = shapeCodec(shapes.input)
  // The defaults of the types are the defaults of the values: without `ok`, Ok is void.
  const ok = shapes.ok ?? (voidCodec as Shape<unknown> as Shape<Ok>)
  // Without `err`, Err is never.
  const err = shapes.err ?? (neverCodec as Shape<Err>)
  const shape = Object.freeze({ ok, err })
  const make = (value: In): Transaction<Ok, Err> => ({ name, payload: input.encode(value), shape })
  return Object.assign(make, { transaction: name, input: shapes.input, shape })
}

/**
 * What a transaction does. `run` must be deterministic: same input, state and context, same result.
 * A result of `err(…)` keeps its writes like a success; an exception discards them. A result
 * without its shape is an exception (`SCHEMA_INVALID`), and so is a payload that does not decode.
 */
export function on<In, Ok, Err>(
  type: TransactionType<In, Ok, Err>,
  run: (input: In, context: ExecuteContext) => Result<Ok, Err> | Promise<Result<Ok, Err>>,
): TransactionHandler {
  const input = shapeCodec(type.input)
  const okCodec = shapeCodec(type.shape.ok)
  const errCodec = shapeCodec(type.shape.err)
  const outcomeOf = (result: Result<Ok, Err>): Outcome => {
    if (result.ok) return { ok: true, value: okCodec.encode(result.value) }
    return { ok: false, value: errCodec.encode(result.error) }
  }
  const execute = (payload: Bytes, context: ExecuteContext): Outcome | Promise<Outcome> => {
    const result = run(input.decode(payload), context)
    return 'then' in result ? result.then(outcomeOf) : outcomeOf(result)
  }
  return { kind: 'transaction', name: type.transaction, execute }
}

/** The result of a transaction from its outcome. Waits only for asynchronous schemas. */
export function resultOf<Ok, Err>(
  transaction: Transaction<Ok, Err>,
  outcome: Outcome,
): Result<Ok, Err> | Promise<Result<Ok, Err>> {
  const { shape } = transaction
  if (outcome.ok)
    return whenThere(decodeShape(shape.ok, outcome.value), (value) => ({ ok: true, value }))
  return whenThere(decodeShape(shape.err, outcome.value), (error) => ({ ok: false, error }))
}

/** For names that nothing here handles. */
export function unknownTransaction(name: string): SyneviError {
  return new SyneviError(
    'UNKNOWN_TRANSACTION',
    `no executor here handles ${JSON.stringify(name)}`,
    {
      definite: true,
    },
  )
}

function whenThere<A, B>(value: A | Promise<A>, then: (value: A) => B): B | Promise<B> {
  return value instanceof Promise ? value.then(then) : then(value)
}
