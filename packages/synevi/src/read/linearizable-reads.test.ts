/** Which reads share a question to the core, and how each of them ends. */

import type { Input, ReadAnswer } from '@synevi/accord'
import { millis } from '@synevi/accord'
import { describe, expect, it } from 'vitest'
import { failureOf } from '../test/local-cluster.ts'
import { VirtualClock } from '../test/virtual-clock.ts'
import { SyneviError } from '../synevi-error.ts'
import { LinearizableReads } from './linearizable-reads.ts'
import { Waits, type Patience } from './waits.ts'

type ReadInput = Extract<Input, { kind: 'read' | 'cancelRead' }>

interface World {
  readonly clock: VirtualClock
  readonly reads: LinearizableReads
  /** What the core was told. */
  readonly inputs: ReadInput[]
  /** Names of the requests that were ordered. */
  readonly submitted: string[]
  readonly patience: (ms?: number, signal?: AbortSignal) => Patience
  readonly answer: (index: number, how?: 'ready' | 'busy' | 'unsupported') => void
}

function makeWorld(): World {
  const clock = new VirtualClock()
  const inputs: ReadInput[] = []
  const submitted: string[] = []
  const reads = new LinearizableReads({
    ...{ clock, waits: new Waits(clock), suspicion: () => undefined },
    freshId: () => new Uint8Array(16),
    feed: (input) => {
      if (input.kind === 'read' || input.kind === 'cancelRead') inputs.push(input)
    },
    submit: ({ name }) => {
      submitted.push(name)
      return Promise.resolve({ position: 7n })
    },
  })
  const patience = (ms = 1_000, signal?: AbortSignal): Patience => ({
    deadline: millis(clock.now().elapsed + ms),
    signal,
  })
  const answer = (index: number, how: 'ready' | 'busy' | 'unsupported' = 'ready'): void => {
    const read = inputs[index]?.read
    if (read === undefined) throw new Error(`no read ${index}`)
    const said: ReadAnswer =
      how === 'ready' ? { kind: 'ready', read } : { kind: 'refused', read, reason: how }
    reads.answer(said)
  }
  return { clock, reads, inputs, submitted, patience, answer }
}

describe('linearizable reads', () => {
  it('of one turn share a read of the core; later ones begin another', async () => {
    const { clock, reads, inputs, patience, answer } = makeWorld()
    const first = [reads.take(patience()), reads.take(patience())]
    await clock.settle()
    let isLateDone = false
    const late = reads.take(patience()).then(() => (isLateDone = true))
    await clock.settle()
    expect(inputs.map(({ kind }) => kind)).toEqual(['read', 'read'])
    answer(0)
    await Promise.all(first)
    await clock.settle()
    expect(isLateDone).toBe(false)
    answer(1)
    await late
  })

  it('end at their deadline or signal, and the core is told when nobody waits', async () => {
    const { clock, reads, inputs, patience } = makeWorld()
    const abort = new AbortController()
    const cancelled = failureOf(reads.take(patience(1_000, abort.signal)))
    const late = failureOf(reads.take(patience(20)))
    await clock.settle()
    abort.abort()
    expect(await cancelled).toMatchObject({ code: 'CANCELLED', definite: true })
    expect(inputs.map(({ kind }) => kind)).toEqual(['read'])
    await clock.advance(20)
    expect(await late).toMatchObject({ code: 'TIMEOUT', definite: true })
    expect(inputs.map(({ kind }) => kind)).toEqual(['read', 'cancelRead'])
    await reads.idle()
  })

  it('that all gave up before the core was asked ask nothing', async () => {
    const { clock, reads, inputs, patience } = makeWorld()
    const abort = new AbortController()
    const cancelled = failureOf(reads.take(patience(1_000, abort.signal)))
    abort.abort()
    await cancelled
    await clock.settle()
    expect(inputs).toEqual([])
    await reads.idle()
  })

  it('take an entry of the log where a member does not know how to answer', async () => {
    const { clock, reads, submitted, patience, answer } = makeWorld()
    const waiting = Promise.all([reads.take(patience()), reads.take(patience())])
    await clock.settle()
    answer(0, 'unsupported')
    await clock.until(waiting)
    expect(submitted).toEqual(['synevi/barrier'])
  })

  it('are refused when too many wait, and by a node that stopped', async () => {
    const { clock, reads, patience, answer } = makeWorld()
    const busy = failureOf(reads.take(patience()))
    await clock.settle()
    answer(0, 'busy')
    expect(await busy).toMatchObject({ code: 'OVERLOADED', definite: true })
    const error = new SyneviError('NODE_FAILED', 'broken', { definite: false })
    const asked = failureOf(reads.take(patience()))
    await clock.settle()
    const gathering = failureOf(reads.take(patience()))
    reads.stop(error)
    expect(await asked).toBe(error)
    expect(await gathering).toBe(error)
    expect(await failureOf(reads.take(patience()))).toBe(error)
    await clock.settle()
    await reads.idle()
  })
})
