/** Names of files and of what they export: no drawers, no words that say nothing. */

import type { Finding, Rule } from './finding.ts'
import { exportsOf, readSource } from './source-text.ts'
import { codePaths, isTest, lineAt, sourcePaths } from './tree.ts'

const DRAWERS = /^(utils?|helpers?|common|shared|types|misc|lib|manager|constants|interfaces)$/

/** A file or folder with one of these names would take anything. */
export const drawerNames: Rule = {
  name: 'drawer-names',
  check: (tree) =>
    codePaths(tree).flatMap((path) => {
      const parts = path.replace(/(\.test)?\.ts$/, '').split('/')
      const drawer = parts.find((part) => DRAWERS.test(part))
      if (drawer === undefined) return []
      return [{ path, line: 0, say: `not \`${drawer}\`: put it with the type it serves` }]
    }),
}

/** Kebab-case; a file with one exported class, errors aside, shares a word with it. */
export const fileNames: Rule = {
  name: 'file-names',
  check: (tree) =>
    codePaths(tree).flatMap((path) => {
      const file = path.slice(path.lastIndexOf('/') + 1)
      if (!/^[a-z0-9]+(-[a-z0-9]+)*(\.(test|slow\.test|config))?\.ts$/.test(file)) {
        return [{ path, line: 0, say: 'name the file in kebab-case' }]
      }
      if (isTest(path) || file === 'index.ts' || /(\/bin\/|\.config\.)/.test(path)) return []
      const source = readSource(tree.text(path) ?? '')
      const [main, second] = exportsOf(source).filter(
        ({ what, offset }) =>
          what === 'class' && !/^[^{]* extends \w*Error\b/.test(source.code.slice(offset)),
      )
      if (main === undefined || second !== undefined) return []
      const words = file.replace(/\.ts$/, '').split('-')
      if (words.some((word) => sharesStem(main.name.toLowerCase(), word))) return []
      return [{ path, line: 0, say: `name the file after \`${main.name}\`` }]
    }),
}

/** Whether `name` contains the word, or its first five letters. */
function sharesStem(name: string, word: string): boolean {
  return name.includes(word.slice(0, 5))
}

/** Words that an exported name may not contain. */
const EMPTY_WORDS = new Set(['manager', 'helper', 'helpers', 'util', 'utils', 'misc', 'stuff'])

/** Words that say nothing when they are all, or the last that is said. */
const EMPTY_ENDS = new Set(['data', 'info'])

/** What an export does or is, said in words of the subject. */
export const emptyWords: Rule = {
  name: 'empty-words',
  check: (tree) =>
    sourcePaths(tree).flatMap((path) => {
      const source = readSource(tree.text(path) ?? '')
      const found: Finding[] = []
      for (const { name, what, offset } of exportsOf(source)) {
        const words = name.split(/(?<=[a-z0-9])(?=[A-Z])|_/).map((word) => word.toLowerCase())
        const last = words.at(-1) ?? ''
        const verb = what.startsWith('function') && words[0] === 'process' && words.length > 1
        if (!words.some((word) => EMPTY_WORDS.has(word)) && !EMPTY_ENDS.has(last) && !verb) continue
        found.push({
          path,
          line: lineAt(source.text, offset),
          say: `say what \`${name}\` is or does`,
        })
      }
      return found
    }),
}
