/** Typed queries: questions to an executor's state, which change nothing and are not ordered. */

import type { Bytes } from '@synevi/accord'
import type { StateReader } from '../contract/executor.ts'
import { checkRequestName } from './request-name.ts'
import { decodeShape, encodeShape, shapeCodec, type Shape } from './schema-codec.ts'
import type { Handler } from './transaction.ts'

/** Ready to be asked. `output` decodes the answer, at the caller. */
export interface Query<Out> {
  readonly name: string
  readonly payload: Bytes
  readonly output: Shape<Out>
}

/** Makes queries of one name. Throws `SCHEMA_INVALID` for an input without the shape. */
export interface QueryType<In, Out> {
  (input: In): Query<Out>
  readonly query: string
  readonly input: Shape<In>
  readonly output: Shape<Out>
}

/** A handler of queries: what {@link answer} makes. */
export interface QueryHandler extends Handler {
  readonly kind: 'query'
  readonly answer: (payload: Bytes, view: StateReader) => Bytes | Promise<Bytes>
}

/**
 * A query by name, `executor/rest`. Throws `INVALID_ARGUMENT` for a name that is none or is
 * reserved.
 */
export function defineQuery<In, Out>(
  name: string,
  shapes: { readonly input: Shape<In>; readonly output: Shape<Out> },
): QueryType<In, Out> {
  checkRequestName(name)
  const input = shapeCodec(shapes.input)
  const { output } = shapes
  const make = (value: In): Query<Out> => ({ name, payload: input.encode(value), output })
  return Object.assign(make, { query: name, input: shapes.input, output })
}

/** How an executor answers a query. `output` may be an asynchronous schema; the input may not. */
export function answer<In, Out>(
  type: QueryType<In, Out>,
  run: (input: In, view: StateReader) => Out | Promise<Out>,
): QueryHandler {
  const input = shapeCodec(type.input)
  const { output } = type
  return {
    kind: 'query',
    name: type.query,
    answer: (payload, view) => {
      const out = run(input.decode(payload), view)
      return out instanceof Promise
        ? out.then((value) => encodeShape(output, value))
        : encodeShape(output, out)
    },
  }
}

/** The answer of a query from its bytes. Waits only for asynchronous schemas. */
export function outputOf<Out>(query: Query<Out>, bytes: Bytes): Out | Promise<Out> {
  return decodeShape(query.output, bytes)
}
