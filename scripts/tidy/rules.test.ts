import { describe, expect, it } from 'vitest'
import { formatFinding } from './finding.ts'
import { RULES } from './rules.ts'
import type { Texts } from './test/case.ts'
import { CODE_CASES } from './test/code-cases.ts'
import { DOCUMENT_CASES } from './test/document-cases.ts'
import { readTree, treeOf } from './tree.ts'

/** `path:line` of each finding of one rule over a made-up tree. */
function places(name: string, texts: Texts): readonly string[] {
  const rule = RULES.find((one) => one.name === name)
  if (rule === undefined) throw new Error(`no rule ${name}`)
  return rule.check(treeOf(texts)).map((finding) => `${finding.path}:${finding.line}`)
}

const CASES = { ...CODE_CASES, ...DOCUMENT_CASES }

describe('a rule', () => {
  it('has a case here, each of them', () => {
    expect(Object.keys(CASES)).toEqual(RULES.map((rule) => rule.name))
  })

  for (const [name, cases] of Object.entries(CASES)) {
    it(`rejects what it is for and no more: ${name}`, () => {
      for (const { bad, at, good } of cases) {
        expect(places(name, bad)).toEqual(at)
        expect(places(name, good)).toEqual([])
      }
    })
  }

  it('says where, by which rule and what to write instead, in one line', () => {
    const rule = RULES.find((one) => one.name === 'named-exports')
    const found = rule?.check(treeOf({ 'scripts/a.ts': '\nexport default 3\n' }))[0]
    expect(rule && found && formatFinding(rule, found)).toBe(
      'scripts/a.ts:2: named-exports: export it by its name',
    )
  })
})

describe('the tree', () => {
  it('reads folders in the order of their names and leaves out what nobody wrote', () => {
    const tree = readTree(new URL('..', import.meta.url).pathname)
    expect(tree.paths).toContain('tidy/rules.test.ts')
    expect(tree.paths.some((path) => path.startsWith('dist/'))).toBe(false)
    expect(tree.text('nowhere')).toBeUndefined()
  })
})
