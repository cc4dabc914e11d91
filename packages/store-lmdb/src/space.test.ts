import { describe, expect, it } from 'vitest'
import { defaultReserveBytes, Space, writeBytesMax } from './space.ts'

function world(reserveBytes: number, mapMaxBytes = 2 ** 40) {
  const state = { diskBytes: 10_000, fileBytes: 0, nowMs: 0, measurements: 0 }
  const limits = {
    reserveBytes,
    mapMaxBytes,
    fileBytes: () => state.fileBytes,
    availableBytes: () => {
      state.measurements++
      return state.diskBytes
    },
  }
  return { state, space: new Space(limits, () => state.nowMs) }
}

describe('space', () => {
  it('there is room down to the reserve, and writes fit down to half of it', () => {
    const { state, space } = world(1000)
    state.diskBytes = 1000
    expect(space.hasRoom()).toBe(true)
    state.nowMs += 100
    state.diskBytes = 999
    expect(space.hasRoom()).toBe(false)
    expect(space.take(499)).toBe(true)
    state.nowMs += 100
    state.diskBytes = 999
    expect(space.take(500)).toBe(false)
  })

  it('writes between two measurements add up', () => {
    const { state, space } = world(1000)
    for (let write = 0; write < 9; write++) expect(space.take(1000)).toBe(true)
    expect(state.measurements).toBe(1)
    // It looks again before it says no: the nine took less than they had set aside.
    expect(space.take(1000)).toBe(true)
    expect(state.measurements).toBe(2)
    state.diskBytes = 1400
    expect(space.take(9000)).toBe(false)
    expect(space.hasRoom()).toBe(true)
  })

  it('measures at most ten times a second while there is room', () => {
    const { state, space } = world(1000)
    for (; state.nowMs < 1000; state.nowMs++) space.hasRoom()
    expect(state.measurements).toBe(10)
  })

  it('there is room again once space is freed', () => {
    const { state, space } = world(1000)
    state.diskBytes = 10
    expect(space.hasRoom()).toBe(false)
    state.diskBytes = 10_000
    expect(space.hasRoom()).toBe(true)
  })

  it('the map is a limit of its own, with an eighth of it as the reserve', () => {
    const { state, space } = world(1000, 4000)
    state.fileBytes = 3500
    expect(space.hasRoom()).toBe(true)
    state.nowMs += 100
    state.fileBytes = 3501
    expect(space.hasRoom()).toBe(false)
    expect(space.take(249)).toBe(true)
    state.nowMs += 100
    expect(space.take(250)).toBe(false)
  })

  it('a reserve of 0 watches the map alone', () => {
    const { state, space } = world(0, 4000)
    state.diskBytes = 0
    state.fileBytes = 3000
    expect(space.hasRoom()).toBe(true)
    expect(space.take(1001)).toBe(false)
    expect(space.take(1000)).toBe(true)
    expect(state.measurements).toBe(0)
  })

  it('the default reserve is the smaller of 256 MiB and one percent', () => {
    expect(defaultReserveBytes(64 * 2 ** 20)).toBe(671_088)
    expect(defaultReserveBytes(2 ** 40)).toBe(256 * 2 ** 20)
  })

  it('a write may take two pages a mutation, and twice its bytes', () => {
    expect(writeBytesMax(3, 5000)).toBe(16 * 4096 + 3 * 8192 + 10_000)
  })
})
