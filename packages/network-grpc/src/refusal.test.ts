/** Refusals are told once a period, counted in between, and foreign words are tamed. */

import { SILENT, type NodeSerial, nodeSerial } from 'synevi'
import { expect, test } from 'vitest'
import { refusal, refusalByPeer, RefusalReport, type Refusal } from './refusal.ts'

function reporter(everyMs: number): {
  readonly report: RefusalReport
  readonly told: (readonly [NodeSerial | undefined, Refusal])[]
  readonly lines: object[]
} {
  const told: (readonly [NodeSerial | undefined, Refusal])[] = []
  const lines: object[] = []
  const logger = { ...SILENT, warn: (fields: object) => void lines.push(fields) }
  const tell = (peer: NodeSerial | undefined, refused: Refusal): void =>
    void told.push([peer, refused])
  return { report: new RefusalReport({ logger, tell, everyMs }), told, lines }
}

test('one of a kind is told in a period; another peer or reason is another kind', () => {
  const { report, told, lines } = reporter(60_000)
  for (let at = 0; at < 3; at++) report.report(undefined, refusal('garbage', 'x'))
  report.report(nodeSerial(2), refusal('garbage', 'x'))
  report.report(nodeSerial(2), refusal('flood', 'x'))
  expect(told.map(([peer, refused]) => [peer, refused.reason])).toEqual([
    [undefined, 'garbage'],
    [2, 'garbage'],
    [2, 'flood'],
  ])
  expect(lines).toHaveLength(3)
})

test('after the period the next one says how many were not told', () => {
  const { report, lines } = reporter(0)
  report.report(undefined, refusal('garbage', 'x'))
  report.report(undefined, refusal('garbage', 'x'))
  expect(lines).toHaveLength(2)
  expect(lines[1]).toMatchObject({ unreported: 0, code: 'INVALID_ARGUMENT' })
})

test('a listener that is not ready is no refusal to report', () => {
  const { report, told, lines } = reporter(60_000)
  report.report(nodeSerial(2), refusalByPeer('NOT_READY', 'dial again'))
  expect([told, lines]).toEqual([[], []])
})

test('what a peer says is shortened and made printable, and its code is one of ours', () => {
  const refused = refusalByPeer('DROP TABLE', `a\u0000b\n${'x'.repeat(1000)}`)
  expect(refused.code).toBe('INVALID_ARGUMENT')
  expect(refused.why).toMatch(/^a\?b\?x+$/)
  expect(refused.why).toHaveLength(300)
  expect(refusalByPeer('SERIAL_TAKEN', 'y')).toMatchObject({ code: 'SERIAL_TAKEN', why: 'y' })
})
