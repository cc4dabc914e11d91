/**
 * A TypeScript file told apart into code, strings and comments, without a parser: what is blanked
 * out keeps its length and its line breaks, so that offsets and lines stay true.
 */

/** One comment. */
export interface Comment {
  /** The offset of its first slash. */
  readonly start: number
  /** The offset after its last character. */
  readonly end: number
  readonly kind: 'line' | 'block'
  /** With its slashes and stars. */
  readonly text: string
}

/** The views of one file. */
export interface SourceText {
  readonly text: string
  /** Comments blanked out. */
  readonly withoutComments: string
  /** Comments and the insides of strings, templates and regular expressions blanked out. */
  readonly code: string
  readonly comments: readonly Comment[]
}

interface Span {
  readonly start: number
  readonly end: number
}

/** A slash after one of these begins a regular expression, not a division. */
const BEFORE_REGEX =
  /(^|[([{,;:=!&|?+\-*%<>~^}]|\b(return|typeof|case|in|of|void|delete|throw|await|yield))$/

/** Reads one file. Total: text that is not TypeScript gives views that mean little. */
export function readSource(text: string): SourceText {
  const comments: Comment[] = []
  const literals: Span[] = []
  let i = 0
  let seen = ''
  const templates: number[] = []
  const take = (end: number, literal: boolean): void => {
    if (literal) literals.push({ start: i + 1, end: Math.max(i + 1, end - 1) })
    seen = 'x'
    i = end
  }
  while (i < text.length) {
    const here = text[i] ?? ''
    const next = text[i + 1] ?? ''
    if (here === '/' && (next === '/' || next === '*')) {
      const comment = commentAt(text, i)
      comments.push(comment)
      i = comment.end
    } else if (here === "'" || here === '"') take(endOfString(text, i), true)
    else if (here === '`') i = templatePart(text, i, literals, templates)
    else if (here === '}' && templates.at(-1) === 0) {
      templates.pop()
      i = templatePart(text, i, literals, templates)
    } else if (here === '/' && BEFORE_REGEX.test(seen)) take(endOfRegex(text, i), true)
    else {
      countBraces(here, templates)
      if (!/\s/.test(here)) seen = /\w/.test(here) ? nextWord(seen, here, text[i - 1]) : here
      i++
    }
  }
  const withoutComments = blank(text, comments)
  return { text, withoutComments, code: blank(withoutComments, literals), comments }
}

function nextWord(seen: string, here: string, before: string | undefined): string {
  return before !== undefined && /\w/.test(before) && /\w$/.test(seen) ? seen + here : here
}

function countBraces(here: string, templates: number[]): void {
  const depth = templates.at(-1)
  if (depth === undefined) return
  if (here === '{') templates[templates.length - 1] = depth + 1
  if (here === '}') templates[templates.length - 1] = depth - 1
}

function commentAt(text: string, start: number): Comment {
  const line = text[start + 1] === '/'
  const found = line ? text.indexOf('\n', start) : text.indexOf('*/', start + 2)
  const end = found === -1 ? text.length : line ? found : found + 2
  return { start, end, kind: line ? 'line' : 'block', text: text.slice(start, end) }
}

function endOfString(text: string, start: number): number {
  const quote = text[start]
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === quote || text[i] === '\n') return i + 1
  }
  return text.length
}

function endOfRegex(text: string, start: number): number {
  let inClass = false
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '\n') return start + 1
    else if (text[i] === '[') inClass = true
    else if (text[i] === ']') inClass = false
    else if (text[i] === '/' && !inClass) return i + 1
  }
  return start + 1
}

/** From a backtick or from the brace that ends a `${…}`: up to the end, or up to the next `${`. */
function templatePart(text: string, start: number, literals: Span[], templates: number[]): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\') i++
    else if (text[i] === '`') {
      literals.push({ start: start + 1, end: i })
      return i + 1
    } else if (text[i] === '$' && text[i + 1] === '{') {
      literals.push({ start: start + 1, end: i })
      templates.push(0)
      return i + 2
    }
  }
  return text.length
}

function blank(text: string, spans: readonly Span[]): string {
  let out = ''
  let from = 0
  for (const span of spans) {
    out += text.slice(from, span.start) + text.slice(span.start, span.end).replace(/[^\n]/g, ' ')
    from = span.end
  }
  return out + text.slice(from)
}

/** One `import` or `export … from`, or a dynamic `import()`. */
export interface Import {
  readonly specifier: string
  readonly offset: number
  /** Imported for its side effect alone. */
  readonly bare: boolean
}

/** Every import, in order. */
export function importsOf(source: SourceText): readonly Import[] {
  const found: Import[] = []
  const add = (pattern: RegExp, bare: boolean): void => {
    for (const match of source.withoutComments.matchAll(pattern)) {
      const offset = match.index + leading(match[0])
      if (source.code[offset] === ' ') continue
      found.push({ specifier: match[2] ?? '', offset, bare })
    }
  }
  add(/(?:^|\n)[ \t]*(?:import|export)\b[^'"`;=()]*?\bfrom\s*(['"])([^'"\n]+)\1/g, false)
  add(/(?:^|\n)[ \t]*import\s*(['"])([^'"\n]+)\1/g, true)
  add(/\bimport\(\s*(['"])([^'"\n]+)\1\s*\)/g, false)
  return found.sort((a, b) => a.offset - b.offset)
}

function leading(text: string): number {
  return text.length - text.trimStart().length
}

/** The path that a relative import names. */
export function resolveImport(from: string, specifier: string): string {
  const parts = from.split('/').slice(0, -1)
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return parts.join('/')
}

/** One exported declaration. */
export interface ExportedName {
  readonly name: string
  readonly what: string
  readonly offset: number
}

const EXPORTED = new RegExp(
  '^export (?:declare )?(?:abstract )?(?:async )?' +
    '(function\\*?|class|interface|type|const|let|var) ([\\w$]+)',
  'gm',
)

/** Declarations exported where they stand; re-exports are not among them. */
export function exportsOf(source: SourceText): readonly ExportedName[] {
  const found: ExportedName[] = []
  for (const match of source.code.matchAll(EXPORTED)) {
    found.push({ what: match[1] ?? '', name: match[2] ?? '', offset: match.index })
  }
  return found
}
