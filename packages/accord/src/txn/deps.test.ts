import { describe, expect, it } from 'vitest'
import { at } from '../test/replica-under-test.ts'
import { AppliedMarks } from './applied-marks.ts'
import { mergeDeps } from './deps.ts'
import { conflictKey, keysOf } from './keys.ts'

const A = conflictKey('a')
const B = conflictKey('b')

describe('merging deps', () => {
  it('takes every id once, in order', () => {
    const merged = mergeDeps([
      { ids: [at(3), at(7)], marks: [] },
      { ids: [at(1), at(3)], marks: [] },
    ])
    expect(merged.ids).toEqual([at(1), at(3), at(7)])
  })

  it('takes the greatest mark of each key, and none that the mark of everything implies', () => {
    const merged = mergeDeps([
      {
        ids: [],
        marks: [
          { key: A, id: at(2), at: at(2) },
          { key: B, id: at(9), at: at(9) },
        ],
      },
      {
        ids: [],
        marks: [
          { key: 'all', id: at(5), at: at(5) },
          { key: B, id: at(8), at: at(8) },
        ],
      },
    ])
    expect(merged.marks).toEqual([
      { key: 'all', id: at(5), at: at(5) },
      { key: B, id: at(9), at: at(9) },
    ])
  })
})

describe('applied marks', () => {
  it('cover what conflicts at or below them, and nothing else', () => {
    const marks = new AppliedMarks()
    marks.advance({ keys: [A], id: at(5), at: at(5) })
    expect(marks.covers([A], at(5))).toBe(true)
    expect(marks.covers([A], at(6))).toBe(false)
    expect(marks.covers([B], at(5))).toBe(false)
    expect(marks.covers('all', at(5))).toBe(true)
    expect(marks.covers(keysOf(['a', 'b']), at(5))).toBe(true)
  })

  it('forget the keys when everything was applied past them', () => {
    const marks = new AppliedMarks()
    marks.advance({ keys: [A], id: at(5), at: at(5) })
    marks.advance({ keys: 'all', id: at(8), at: at(8) })
    expect(marks.of('all')).toEqual([{ key: 'all', id: at(8), at: at(8) }])
    expect(marks.resolves({ key: A, id: at(5), at: at(5) })).toBe(true)
    expect(marks.resolves({ key: B, id: at(8), at: at(8) })).toBe(true)
    expect(marks.resolves({ key: B, id: at(9), at: at(9) })).toBe(false)
  })

  it('do not resolve a mark of everything by a key', () => {
    const marks = new AppliedMarks()
    marks.advance({ keys: [A], id: at(9), at: at(9) })
    expect(marks.resolves({ key: 'all', id: at(5), at: at(5) })).toBe(false)
  })

  it('refuse to go back', () => {
    const marks = new AppliedMarks()
    marks.advance({ keys: [A], id: at(5), at: at(5) })
    expect(() => marks.advance({ keys: [A], id: at(4), at: at(4) })).toThrow('rise strictly')
    expect(() => marks.advance({ keys: 'all', id: at(5), at: at(5) })).toThrow('rise strictly')
  })
})
