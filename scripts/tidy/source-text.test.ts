import { describe, expect, it } from 'vitest'
import { exportsOf, importsOf, readSource } from './source-text.ts'

describe('a source told apart', () => {
  it('blanks comments and strings and keeps every offset', () => {
    const text = "const a = 'x // y' // z\n/* b\n c */ const d = `e ${f('g')} h`\n"
    const source = readSource(text)
    expect(source.code).toHaveLength(text.length)
    expect(source.code).toBe("const a = '      '     \n    \n      const d = `  ${f(' ')}  `\n")
    expect(source.comments.map((one) => one.text)).toEqual(['// z', '/* b\n c */'])
  })

  it('takes a slash after an operator for a pattern, after a name for a division', () => {
    const source = readSource("const q = /['\"/*]/.test(x)\nconst r = a / b // c\nreturn /'/\n")
    expect(source.comments.map((comment) => comment.text)).toEqual(['// c'])
    expect(source.code).toContain('a / b')
  })

  it('finds a quote behind a backslash inside the string', () => {
    expect(readSource("const a = 'b\\'c' + d").code).toBe("const a = '    ' + d")
  })

  it('survives what is not closed', () => {
    for (const text of ["'", '`', '`${', '/*', '/', "import('"]) {
      expect(readSource(text).code).toHaveLength(text.length)
    }
  })

  it('finds imports of every form, and none in strings and comments', () => {
    const source = readSource(
      [
        "import { a } from './a.ts'",
        'import type { b,',
        "  c } from 'b'",
        "export * from './c.ts'",
        "import './d.ts'",
        "const e = await import('./e.ts')",
        "// import { f } from './f.ts'",
        'const g = `',
        "import { h } from './h.ts'`",
      ].join('\n'),
    )
    expect(importsOf(source).map((one) => [one.specifier, one.bare])).toEqual([
      ['./a.ts', false],
      ['b', false],
      ['./c.ts', false],
      ['./d.ts', true],
      ['./e.ts', false],
    ])
  })

  it('finds exported declarations of every form', () => {
    const source = readSource(
      [
        'export function a() {}',
        'export async function b() {}',
        'export declare function c(): void',
        'export abstract class D {}',
        'export interface E {}',
        'export type F = 1',
        'export const g = 1',
        "export { h } from './h.ts'",
        'function i() {}',
      ].join('\n'),
    )
    expect(exportsOf(source).map((one) => one.name)).toEqual(['a', 'b', 'c', 'D', 'E', 'F', 'g'])
  })
})
