/** Identifiers as text. */

import { expect, test } from 'vitest'
import { formatUlid, newNodeId, parseIdentifier, ulidBytes } from './identifier.ts'

const hex = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString('hex')

test('known values', () => {
  expect(hex(parseIdentifier('01ARZ3NDEKTSV4RRFFQ69G5FAV'))).toBe(
    '01563e3ab5d3d6764c61efb99302bd5b',
  )
  expect(hex(parseIdentifier('01arz3ndektsv4rrffq69g5fav'))).toBe(
    '01563e3ab5d3d6764c61efb99302bd5b',
  )
  expect(hex(parseIdentifier('01563e3a-b5d3-d676-4c61-efb99302bd5b'))).toBe(
    '01563e3ab5d3d6764c61efb99302bd5b',
  )
  expect(hex(parseIdentifier('01563E3AB5D3D6764C61EFB99302BD5B'))).toBe(
    '01563e3ab5d3d6764c61efb99302bd5b',
  )
  expect(formatUlid(Buffer.from('01563e3ab5d3d6764c61efb99302bd5b', 'hex'))).toBe(
    '01ARZ3NDEKTSV4RRFFQ69G5FAV',
  )
  expect(hex(parseIdentifier('7ZZZZZZZZZZZZZZZZZZZZZZZZZ'))).toBe('f'.repeat(32))
})

test('what is none', () => {
  for (const text of [
    '',
    '8ZZZZZZZZZZZZZZZZZZZZZZZZZ',
    '01ARZ3NDEKTSV4RRFFQ69G5FAU',
    '01ARZ3NDEKTSV4RRFFQ69G5FA',
    '01563e3a-b5d3-d676-4c61-efb99302bd5',
    ' 01ARZ3NDEKTSV4RRFFQ69G5FAV',
  ]) {
    expect(parseIdentifier(text)).toBe(undefined)
  }
})

test('fresh ones sort by their millisecond and are read back', () => {
  const early = ulidBytes(1_700_000_000_000, new Uint8Array(10).fill(255))
  const late = ulidBytes(1_700_000_000_001, new Uint8Array(10))
  expect(formatUlid(early) < formatUlid(late)).toBe(true)
  expect(parseIdentifier(formatUlid(early))).toEqual(Buffer.from(early))
  const ids = Array.from({ length: 100 }, newNodeId)
  expect(new Set(ids).size).toBe(100)
  for (const id of ids) expect(parseIdentifier(id)?.length).toBe(16)
})
