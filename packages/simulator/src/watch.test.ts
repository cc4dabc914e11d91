/** What the watcher counts as wrong, and what looks wrong and is not. */

import { epoch, hlc, nodeSerial, timestampOf, type Notice, type TxnId } from '@synevi/accord'
import { expect, test } from 'vitest'
import { EventQueue } from './event-queue.ts'
import { Prng } from './prng.ts'
import { Trace } from './trace.ts'
import { Watch } from './watch.ts'

const ID: TxnId = timestampOf({ epoch: epoch(1), hlc: hlc(7n), node: nodeSerial(1) })

function watching(isDurable: () => boolean): { watch: Watch; queue: EventQueue } {
  const queue = new EventQueue()
  const random = new Prng('watch')
  const mayDiffer = (): boolean => false
  return {
    queue,
    watch: new Watch({ queue, trace: new Trace(0), random, mayDiffer, isDurable, nodes: 3 }),
  }
}

// A submission is the driver's number; none is at hand here.
const born = { kind: 'submitted', id: ID, submission: 0 } as Notice
const recovering: Notice = { kind: 'recovering', id: ID, status: 'preAccepted', own: false }

test('an id made again after its record was stored is issued twice', () => {
  const { watch } = watching(() => true)
  watch.notice(1, 1, born)
  watch.notice(1, 2, born)
  expect(watch.violations.map(({ name }) => name)).toEqual(['timestamp issued twice'])
})

test('an id made again after its record was lost with its write is not', () => {
  const { watch } = watching(() => false)
  watch.notice(1, 1, born)
  watch.notice(1, 2, born)
  expect(watch.violations).toEqual([])
})

test('recoveries go on if they are of transactions older than the quiet, by these nodes', () => {
  const { watch, queue } = watching(() => true)
  watch.notice(1, 1, born)
  queue.at(10, () => watch.notice(2, 1, recovering))
  queue.step(Infinity)
  expect(watch.recoveriesSince(5, new Set([2]))).toBe(1)
  expect(watch.recoveriesSince(5, new Set([1, 3]))).toBe(0)
})

test('what was born since is rightly recovered', () => {
  const { watch, queue } = watching(() => true)
  queue.at(7, () => watch.notice(1, 1, born))
  queue.at(10, () => watch.notice(2, 1, recovering))
  queue.step(Infinity)
  queue.step(Infinity)
  expect(watch.recoveriesSince(5, new Set([2]))).toBe(0)
})
