/**
 * What is seen from outside: channels, events, spans, metrics, log lines; and that none of it can
 * hurt a node.
 */

import { tracingChannel } from 'node:diagnostics_channel'
import { describe, expect, test } from 'vitest'
import { Add, Count, failureOf, openAlone, openCluster, raise } from '../test/local-cluster.ts'
import type { Attributes, Telemetry } from './telemetry.ts'

const throws = (): never => raise('from outside')

describe('channels', () => {
  test.each([
    ['synevi:submit', 'count/add'],
    ['synevi:read', 'count/get'],
    ['synevi:execute', undefined],
    ['synevi:store.write', undefined],
  ])('%s traces each call with node and name, and no payload', async (name, callName) => {
    const { clock, node } = await openAlone()
    const seen: string[] = []
    const context: object[] = []
    const note = (what: string) => (message: object) => {
      seen.push(what)
      context.push(message)
    }
    const channel = tracingChannel(name)
    const subscribers = {
      start: note('start'),
      end: note('end'),
      asyncStart: note('asyncStart'),
      asyncEnd: note('asyncEnd'),
      error: note('error'),
    }
    channel.subscribe(subscribers)
    await clock.until(node.submit(Add('secret')))
    await clock.until(node.read(Count('secret')))
    channel.unsubscribe(subscribers)
    expect(seen.slice(0, 2)).toEqual(['start', 'end'])
    expect(seen.filter((what) => what === 'start').length).toBe(
      seen.filter((what) => what === 'asyncEnd').length,
    )
    expect(seen).not.toContain('error')
    for (const message of context)
      expect(message).toMatchObject({
        node: 'alone',
        ...(callName === undefined ? {} : { name: callName }),
      })
    const before = seen.length
    await clock.until(node.submit(Add('a')))
    expect(seen.length).toBe(before)
    await clock.until(node.close())
  })

  test('a failing submit is an error on its channel', async () => {
    const { clock, node } = await openAlone()
    const errors: unknown[] = []
    const channel = tracingChannel('synevi:submit')
    const error = (message: object): number => errors.push(Reflect.get(message, 'error'))
    const nothing = (): void => undefined
    const subscribers = {
      start: nothing,
      end: nothing,
      asyncStart: nothing,
      asyncEnd: nothing,
      error,
    }
    channel.subscribe(subscribers)
    await clock.until(failureOf(node.submit(Add('boom'))))
    channel.unsubscribe(subscribers)
    expect(errors).toEqual([expect.objectContaining({ code: 'EXECUTOR_FAILED' })])
  })
})

describe('telemetry', () => {
  test('counts requests by outcome, measures them, and spans them', async () => {
    const seen: string[] = []
    const line = (what: string) => (value: number, attributes?: Attributes) => {
      seen.push(`${what} ${value} ${JSON.stringify(attributes)}`)
    }
    const telemetry: Telemetry = {
      meter: {
        createCounter: (name) => ({ add: line(name) }),
        createHistogram: (name) => ({ record: line(name) }),
      },
      tracer: {
        startSpan: (name) => ({
          setAttribute: (key, value) => seen.push(`${name} ${key} ${value}`),
          setStatus: ({ code }) => seen.push(`${name} status ${code}`),
          end: () => seen.push(`${name} end`),
        }),
      },
    }
    const { clock, node } = await openAlone({ telemetry })
    await clock.until(node.submit(Add('a')))
    expect(seen).toEqual([
      'synevi.decisions 1 {"path":"fast"}',
      'synevi.transactions 1 {"transaction":"count/add","outcome":"ok"}',
      'synevi.transaction.duration 0 {"transaction":"count/add","outcome":"ok"}',
      'synevi.submit synevi.outcome ok',
      'synevi.submit status 1',
      'synevi.submit end',
    ])
    seen.length = 0
    await clock.until(failureOf(node.submit(Add('boom'))))
    await clock.until(node.submit(Add('no')))
    expect(seen.filter((text) => text.startsWith('synevi.transactions'))).toEqual([
      'synevi.transactions 1 {"transaction":"count/add","outcome":"EXECUTOR_FAILED"}',
      'synevi.transactions 1 {"transaction":"count/add","outcome":"refused"}',
    ])
  })

  test('what is passed in may throw everywhere: the node serves', async () => {
    const telemetry: Telemetry = {
      meter: {
        createCounter: () => ({ add: throws }),
        createHistogram: () => ({ record: throws }),
      },
      tracer: { startSpan: throws },
    }
    const logger = { debug: throws, info: throws, warn: throws, error: throws }
    const { clock, node } = await openAlone({ telemetry, logger, onNotice: throws })
    for (const event of ['phase', 'applied', 'slow', 'member'] as const) node.on(event, throws)
    expect(await clock.until(node.submit(Add('a')))).toMatchObject({ ok: true })
    expect(await clock.until(node.read(Count('a')))).toBe(1n)
    await clock.until(node.close())
  })
})

describe('events', () => {
  test('unknown names and no listeners are refused; a signal ends a listener', async () => {
    const { clock, node } = await openAlone()
    const on = (name: string, listen: unknown): unknown =>
      Reflect.apply(node.on, node, [name, listen])
    expect(() => on('nothing', () => undefined)).toThrow('no event nothing')
    expect(() => on('applied', 'text')).toThrow('expected a function')
    const abort = new AbortController()
    const seen: bigint[] = []
    node.on('applied', ({ position }) => seen.push(position), { signal: abort.signal })
    await clock.until(node.submit(Add('a')))
    abort.abort()
    await clock.until(node.submit(Add('a')))
    expect(seen).toEqual([1n])
  })

  test('recovered: a node finishes what a dead one began', async () => {
    const { clock, hub, node, close } = await openCluster(3)
    const recovered: bigint[] = []
    for (const i of [1, 2]) node(i).on('recovered', ({ txnId }) => recovered.push(txnId))
    const [zero, one, two] = [0, 1, 2].map((i) => node(i).serial)
    if (zero === undefined || one === undefined || two === undefined) throw new Error('three nodes')
    // Votes of the peers never come back: they know of it, and it is never decided.
    hub.lose = (_, to) => to === zero
    const flying = node(0)
      .submit(Add('a'), { timeoutMs: 20 })
      .catch(() => undefined)
    await clock.advance(5)
    void node(0).close({ drainMs: 0 })
    await clock.advance(3_000)
    await flying
    expect(recovered.length).toBe(1)
    expect(await clock.until(node(1).read(Count('a')))).toBe(1n)
    expect(node(1).status().counters.recovered + node(2).status().counters.recovered).toBe(1n)
    await close()
  })

  test('garbage from a peer is counted and logged, and changes nothing', async () => {
    const lines: object[] = []
    const log = (fields: object): void => void lines.push(fields)
    const logger = { debug: log, info: log, warn: log, error: log }
    const { clock, hub, node, close } = await openCluster(3, (i) => (i === 0 ? { logger } : {}))
    await clock.until(node(0).submit(Add('a')))
    hub.mangle = (frame) => frame.slice(0, frame.length - 3)
    await clock.advance(150)
    hub.mangle = undefined
    expect(node(0).status().counters.rejectedFrames).toBeGreaterThan(0n)
    expect(lines).toContainEqual(
      expect.objectContaining({ node: 'n0', why: expect.stringContaining('MALFORMED') }),
    )
    await clock.advance(500)
    expect(await clock.until(node(0).submit(Add('a')))).toMatchObject({ value: 1n })
    await close()
  })
})
