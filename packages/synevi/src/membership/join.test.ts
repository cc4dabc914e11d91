/** Questions of joiners and of nodes that were away, answers, and how long a joiner asks. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  configurationOf,
  epoch,
  millis,
  nodeSerial,
  type Bytes,
  type Configuration,
} from '@synevi/accord'
import { SILENT } from '../contract/observe.ts'
import type { Network } from '../contract/network.ts'
import { SyneviError, isSyneviError } from '../synevi-error.ts'
import { VirtualClock } from '../test/virtual-clock.ts'
import { answerJoiner, type JoinDesk } from './answer-joiner.ts'
import { askToJoin } from './ask-to-join.ts'
import {
  decodeJoinAnswer,
  decodeJoinQuestion,
  encodeJoinAnswer,
  encodeJoinQuestion,
  type JoinAnswer,
} from './join-codec.ts'
import { Roster } from './roster.ts'

const CLUSTER = new Uint8Array(16).fill(7)
const settings = { dedupMax: 1000, dedupResultMaxBytes: 99, resultMaxBytes: 4096 }
const learner = { serial: nodeSerial(5), id: 'new', address: 'an', role: 'learner' } as const
const open: Configuration = {
  ...configurationOf(epoch(3), [{ serial: nodeSerial(0), id: 'n0', address: 'a0' }, learner]),
  highestSerial: nodeSerial(9),
}
const desk: JoinDesk = {
  ...{ cluster: CLUSTER, settings },
  roster: new Roster({ self: nodeSerial(0), configurations: [open] }),
}
const fresh = encodeJoinQuestion({ known: undefined })
const knownAs = (serial: number, cluster: Bytes = CLUSTER): Bytes =>
  encodeJoinQuestion({ known: { cluster, serial: nodeSerial(serial) } })

function codeOf(run: () => unknown): string {
  try {
    run()
    return 'none'
  } catch (error) {
    return isSyneviError(error) ? error.code : String(error)
  }
}

test('a learner learns its serial, cluster, settings and configuration', () => {
  expect(decodeJoinAnswer(answerJoiner(desk, 'new', fresh))).toEqual({
    ...{ cluster: CLUSTER, serial: 5, settings, configuration: open },
  })
  expect(decodeJoinAnswer(answerJoiner(desk, 'new', knownAs(5))).serial).toBe(5)
})

test('who was never added, was removed, or is of another cluster is told so', () => {
  expect(codeOf(() => answerJoiner(desk, 'nobody', fresh))).toBe('MEMBERSHIP_UNKNOWN')
  expect(codeOf(() => answerJoiner(desk, 'old', knownAs(2)))).toBe('MEMBERSHIP_REMOVED')
  expect(codeOf(() => answerJoiner(desk, 'new', knownAs(2)))).toBe('MEMBERSHIP_REMOVED')
  expect(codeOf(() => answerJoiner(desk, 'later', knownAs(10)))).toBe('NOT_READY')
  expect(codeOf(() => answerJoiner(desk, 'new', knownAs(5, new Uint8Array(16))))).toBe(
    'INVALID_ARGUMENT',
  )
  const out = { ...desk, roster: new Roster({ self: nodeSerial(4), configurations: [open] }) }
  expect(codeOf(() => answerJoiner(out, 'new', fresh))).toBe('NOT_READY')
})

test('noise is refused with a code, and never throws anything else', () => {
  const codes = new Set(['none', 'INVALID_ARGUMENT', 'INCOMPATIBLE_VERSION'])
  const answer = answerJoiner(desk, 'new', fresh)
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 80 }),
      fc.nat(answer.length - 1),
      fc.nat(255),
      (noise, at, byte) => {
        expect(codes).toContain(codeOf(() => decodeJoinQuestion(noise)))
        expect(codes).toContain(codeOf(() => decodeJoinAnswer(noise)))
        expect(codes).toContain(codeOf(() => decodeJoinAnswer(answer.subarray(0, at))))
        const flipped = Uint8Array.from(answer)
        flipped[at] = byte
        expect(codes).toContain(codeOf(() => decodeJoinAnswer(flipped)))
      },
    ),
  )
  expect(codeOf(() => decodeJoinQuestion(Uint8Array.of(2, 0)))).toBe('INCOMPATIBLE_VERSION')
  // What a later version adds is ignored.
  expect(decodeJoinQuestion(Uint8Array.of(1, 0, 42))).toEqual({ known: undefined })
})

test('an answer that does not name the asker is no answer', () => {
  const wrong: JoinAnswer = {
    ...{ cluster: CLUSTER, settings, serial: nodeSerial(8), configuration: open },
  }
  expect(codeOf(() => decodeJoinAnswer(encodeJoinAnswer(wrong)))).toBe('INVALID_ARGUMENT')
})

type Say = (address: string, times: number) => Promise<Bytes>

function asking(say: Say, addresses = ['a', 'b'], timeoutMs = 5_000) {
  const clock = new VirtualClock()
  const asked: string[] = []
  const network: Network = {
    start: () => Promise.resolve(),
    connect: () => undefined,
    send: () => undefined,
    close: () => Promise.resolve(),
    ask: (address) => {
      asked.push(address)
      return say(address, asked.length)
    },
  }
  const abort = new AbortController()
  const deadline = millis(clock.now().elapsed + timeoutMs)
  const answer = askToJoin({
    ...{ id: 'new', network, addresses, clock, logger: SILENT },
    patience: { deadline, signal: abort.signal },
  })
  answer.catch(() => undefined)
  return { clock, asked, abort, answer }
}

const refuse = (code: 'MEMBERSHIP_UNKNOWN' | 'NOT_READY' | 'INVALID_ARGUMENT'): Promise<Bytes> =>
  Promise.reject(new SyneviError(code, code, { definite: true }))

test('a joiner asks one after the other, again and again, until it was added', async () => {
  const run = asking((address, times) =>
    times < 6
      ? refuse(address === 'a' ? 'NOT_READY' : 'MEMBERSHIP_UNKNOWN')
      : Promise.resolve(answerJoiner(desk, 'new', fresh)),
  )
  expect((await run.clock.until(run.answer)).serial).toBe(5)
  expect(run.asked).toEqual(['a', 'b', 'a', 'b', 'a', 'b'])
})

test('at the deadline it says what was wrong: nobody added it, or nobody answered', async () => {
  const unknown = asking(() => refuse('MEMBERSHIP_UNKNOWN'))
  await expect(unknown.clock.until(unknown.answer)).rejects.toMatchObject({
    ...{ code: 'MEMBERSHIP_UNKNOWN', definite: true },
  })
  const mixed = asking((address) => refuse(address === 'b' ? 'MEMBERSHIP_UNKNOWN' : 'NOT_READY'))
  await expect(mixed.clock.until(mixed.answer)).rejects.toMatchObject({
    code: 'MEMBERSHIP_UNKNOWN',
  })
  const silent = asking(() => refuse('NOT_READY'))
  await expect(silent.clock.until(silent.answer)).rejects.toMatchObject({ code: 'NO_QUORUM' })
})

test('what no later answer can mend ends it at once, and so does its signal', async () => {
  const wrong = asking(() => refuse('INVALID_ARGUMENT'))
  await expect(wrong.answer).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  const waiting = asking(() => refuse('NOT_READY'))
  await Promise.resolve()
  waiting.abort.abort()
  await expect(waiting.clock.until(waiting.answer)).rejects.toMatchObject({ code: 'CANCELLED' })
})
