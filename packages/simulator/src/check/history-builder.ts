/** Histories written by hand: one call for each operation, lines in order of time. */

import { type Json, type Line, type Operation, operationsOf } from './history.ts'

/** An operation as a test states it. */
export interface Stated {
  readonly p: number
  readonly f: string
  readonly asked: Json
  /** Absent: `info`, unless `failed`. */
  readonly answer?: Json
  readonly failed?: string
  /** [start, end]. Of an unknown outcome only the start counts. */
  readonly at: readonly [number, number]
  readonly node?: number
  readonly position?: number
  readonly request?: string
  readonly duplicate?: boolean
}

/** The lines of these operations, in order of time. */
export function linesOf(stated: readonly Stated[]): readonly Line[] {
  const lines: Line[] = []
  for (const each of stated) {
    const common = {
      process: each.p,
      f: each.f,
      node: each.node ?? 0,
      ...(each.request === undefined ? {} : { request: each.request }),
    }
    lines.push({ type: 'invoke', value: each.asked, time: each.at[0], ...common })
    const end = { time: each.at[1], ...common }
    if (each.answer !== undefined) {
      lines.push({
        type: 'ok',
        value: each.answer,
        ...end,
        ...(each.position === undefined ? {} : { position: each.position }),
        ...(each.duplicate === undefined ? {} : { duplicate: each.duplicate }),
      })
    } else if (each.failed !== undefined) {
      lines.push({ type: 'fail', value: each.asked, error: each.failed, ...end })
    } else if (each.at[1] !== Infinity) {
      lines.push({ type: 'info', value: each.asked, error: 'TIMEOUT', ...end })
    }
  }
  return lines.sort((a, b) => a.time - b.time)
}

/** The operations that checkers judge. */
export function operations(stated: readonly Stated[]): readonly Operation[] {
  return operationsOf(linesOf(stated))
}
