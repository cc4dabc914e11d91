/** The chain as its file header says it, computed a second time by hand. */

import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { bytesOf, request } from '../test/lane-under-test.ts'
import { ChainHasher, bytesOfHash, chainStart, payloadDigest, textOfHash } from './hash-chain.ts'

function sha3(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha3-256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

function number(value: bigint, bytes: number): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * bytes, '0'), 'hex')
}

const hex = (text: string): string => Buffer.from(bytesOfHash(text)).toString('hex')
const before = textOfHash(chainStart().txnHash)
const place = {
  position: 7n,
  txnId: (3n << 112n) | (5n << 16n),
  executeAt: (3n << 112n) | (6n << 16n),
}

describe('ChainHasher', () => {
  const hasher = new ChainHasher()

  it.each([0, 1, 100, 8100, 8192, 100_000])(
    'hashes a request with a payload of %d bytes',
    (length) => {
      const payload = new Uint8Array(length).fill(3)
      const one = request(9, 'kv/wrîte', payload)
      const expected = sha3(
        'synevi/request/1\0',
        one.id,
        Uint8Array.of(9),
        bytesOf('kv/wrîte'),
        number(BigInt(length), 8),
        payload,
      )
      expect(hex(hasher.request(one))).toBe(expected)
    },
  )

  it('begins, and extends txnHash, as written', () => {
    expect(Buffer.from(chainStart().txnHash).toString('hex')).toBe(sha3('synevi/start/1\0'))
    expect(chainStart().execHash).toEqual(chainStart().txnHash)
    const digest = hasher.request(request(9, 'kv/write', 'x'))
    const expected = sha3(
      'synevi/txn/1\0',
      chainStart().txnHash,
      number(7n, 8),
      number(place.txnId, 16),
      number(place.executeAt, 16),
      bytesOfHash(digest),
    )
    expect(hex(hasher.txn(before, place, digest))).toBe(expected)
  })

  it('extends execHash by an outcome of 32 bytes, or by the hash of a longer one', () => {
    const exec = (kind: number, note: Uint8Array): string =>
      sha3(
        'synevi/exec/1\0',
        chainStart().execHash,
        number(7n, 8),
        Uint8Array.of(kind, note.length),
        note,
      )
    const value = new Uint8Array(32).fill(1)
    const short = hasher.note({ kind: 'applied', ok: true, value })
    expect(hex(hasher.exec(before, 7n, short))).toBe(exec(2, value))
    const long = hasher.note({ kind: 'failed', ok: false, value: new Uint8Array(33).fill(1) })
    const hash = sha3('synevi/outcome/1\0', number(33n, 8), new Uint8Array(33).fill(1))
    expect(hex(hasher.exec(before, 7n, long))).toBe(exec(5, Buffer.from(hash, 'hex')))
  })

  it('changes with everything that goes into it', () => {
    const one = request(1, 'kv/write', 'ab')
    const requests = [
      one,
      { ...one, id: request(2, 'x').id },
      { ...one, name: 'kv/writea', payload: bytesOf('b') },
    ]
    const digests = requests.map((next) => hasher.request(next))
    const places = [
      place,
      { ...place, position: 8n },
      { ...place, txnId: 0n },
      { ...place, executeAt: 0n },
    ]
    const txns = places.flatMap((at) => digests.map((digest) => hasher.txn(before, at, digest)))
    const value = bytesOf('v')
    const outcomes = [
      { kind: 'applied' as const, ok: true, value },
      { kind: 'applied' as const, ok: false, value },
      { kind: 'failed' as const, ok: false, value },
      { kind: 'applied' as const, ok: true, value: bytesOf('w') },
      { kind: 'applied' as const, ok: true, value: new Uint8Array(32) },
      { kind: 'applied' as const, ok: true, value: new Uint8Array(33) },
      { kind: 'applied' as const, ok: true, value: new Uint8Array(34) },
    ]
    const execs = outcomes.flatMap((one_) =>
      [7n, 8n].map((position) => hasher.exec(before, position, hasher.note(one_))),
    )
    const again = hasher.exec(
      textOfHash(new Uint8Array(32)),
      7n,
      hasher.note({ kind: 'applied', ok: true, value }),
    )
    const all = [...digests, ...txns, ...execs, again]
    expect(new Set(all).size).toBe(all.length)
  })
})

describe('payloadDigest', () => {
  it('is the first half of SHA-256', () => {
    const expected = createHash('sha256').update('abc').digest().subarray(0, 16)
    expect(payloadDigest(bytesOf('abc'))).toEqual(new Uint8Array(expected))
  })
})
