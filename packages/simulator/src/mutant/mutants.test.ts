import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { applyEdit } from './mutant.ts'
import { MUTANTS } from './mutants.ts'

const PACKAGES = fileURLToPath(new URL('../../../', import.meta.url))

describe('every mutant applies to the sources as they are', () => {
  for (const { name, edits } of MUTANTS) {
    it(name, () => {
      for (const edit of edits) {
        const text = readFileSync(`${PACKAGES}${edit.in ?? 'accord'}/src/${edit.file}`, 'utf8')
        expect(applyEdit(text, edit)).not.toBe(text)
      }
    })
  }

  it('has names that differ', () => {
    expect(new Set(MUTANTS.map((mutant) => mutant.name)).size).toBe(MUTANTS.length)
  })
})

describe('applyEdit', () => {
  it('takes any white space for any other', () => {
    expect(applyEdit('a (\n    b,\n  c)', { file: 'f', find: '( b, c)', replace: '()' })).toBe(
      'a ()',
    )
  })

  it('refuses a text that is not there, or twice', () => {
    expect(() => applyEdit('a', { file: 'f', find: 'b', replace: '' })).toThrow(/^f: found 0 times/)
    expect(() => applyEdit('a a', { file: 'f', find: 'a', replace: '' })).toThrow(
      /^f: found 2 times/,
    )
  })
})
