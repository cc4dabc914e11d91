/**
 * The language of directed scenarios: one command a line, `#` begins a comment, nodes are letters,
 * transactions are names. `scenarios/README.md` lists the commands.
 */

/** Messages meant by a line: each part that is given must fit. */
export interface Selector {
  readonly kind: string | undefined
  readonly txn: string | undefined
  readonly from: string | undefined
  readonly to: string | undefined
}

/** One line. */
export type Command =
  | { readonly kind: 'nodes'; readonly count: number; readonly keys: readonly string[] }
  | { readonly kind: 'clock'; readonly node: string; readonly ms: number }
  | {
      readonly kind: 'submit'
      readonly txn: string
      readonly node: string
      readonly keys: readonly string[]
    }
  /**
   * The one message that fits (`every`: all that are under way now; `all`: also what follows from
   * them).
   */
  | {
      readonly kind: 'deliver' | 'drop'
      readonly many: 'one' | 'every' | 'all'
      readonly what: Selector
    }
  /** It arrives and is still under way. */
  | { readonly kind: 'copy'; readonly what: Selector }
  | { readonly kind: 'hold'; readonly node: string }
  | { readonly kind: 'store'; readonly node: string }
  | { readonly kind: 'crash'; readonly node: string; readonly write: 'written' | 'lost' }
  | { readonly kind: 'restart'; readonly node: string }
  | { readonly kind: 'timers'; readonly node: string }
  | { readonly kind: 'recover'; readonly node: string; readonly txn: string }
  | { readonly kind: 'finish' }
  | { readonly kind: 'expect'; readonly not: boolean; readonly what: Expectation }

/** What may be expected. */
export type Expectation =
  | {
      readonly kind: 'status'
      readonly txn: string
      readonly node: string
      readonly status: string
    }
  | { readonly kind: 'vote'; readonly txn: string; readonly node: string; readonly vote: string }
  | {
      readonly kind: 'place'
      readonly txn: string
      readonly place: 'id' | 'later' | 'never' | 'open'
    }
  | { readonly kind: 'path'; readonly txn: string; readonly node: string; readonly path: string }
  | { readonly kind: 'answer'; readonly txn: string; readonly answer: string }
  | { readonly kind: 'executed'; readonly node: string; readonly txns: readonly string[] }
  | { readonly kind: 'under way'; readonly what: Selector }

/** A line that is not of the language. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError'
}

/** A command and where it stands. */
export interface Line {
  readonly number: number
  readonly text: string
  readonly command: Command
}

/** All commands of a file. Throws a {@link ScenarioError} with the number of the line. */
export function parseScenario(text: string): readonly Line[] {
  const lines: Line[] = []
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.replace(/#.*$/, '').trim()
    if (line === '') continue
    try {
      lines.push({ number: i + 1, text: line, command: parseCommand(line.split(/\s+/)) })
    } catch (error) {
      throw new ScenarioError(
        `line ${i + 1}: ${line}: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
  }
  return lines
}

function parseCommand(words: readonly string[]): Command {
  const [verb, ...rest] = words
  switch (verb) {
    case 'nodes':
      return {
        kind: 'nodes',
        count: Number(rest[0]),
        keys: rest[1] === 'keys' ? rest.slice(2) : ['k'],
      }
    case 'clock':
      return { kind: 'clock', node: word(rest[0]), ms: Number(rest[1]) }
    case 'submit':
      return {
        kind: 'submit',
        txn: word(rest[0]),
        node: word(rest[2]),
        keys: rest[3] === 'keys' ? rest.slice(4) : ['k'],
      }
    case 'deliver':
    case 'drop': {
      const many = rest[0] === 'all' || rest[0] === 'every' ? rest[0] : 'one'
      return { kind: verb, many, what: selector(many === 'one' ? rest : rest.slice(1)) }
    }
    case 'copy':
      return { kind: 'copy', what: selector(rest) }
    case 'hold':
    case 'store':
    case 'restart':
    case 'timers':
      return { kind: verb, node: word(rest[0]) }
    case 'crash':
      return {
        kind: 'crash',
        node: word(rest[0]),
        write: rest.includes('losing') ? 'lost' : 'written',
      }
    case 'recover':
      return { kind: 'recover', txn: word(rest[0]), node: word(rest[2]) }
    case 'finish':
      return { kind: 'finish' }
    case 'expect':
      return rest[0] === 'not'
        ? { kind: 'expect', not: true, what: expectation(rest.slice(1)) }
        : { kind: 'expect', not: false, what: expectation(rest) }
    default:
      throw new ScenarioError(`unknown command ${verb ?? ''}`)
  }
}

function expectation(words: readonly string[]): Expectation {
  const [first, second, third, fourth, fifth] = words
  switch (first) {
    case 'executed':
      return { kind: 'executed', node: word(second), txns: words.slice(2) }
    case 'message':
      return { kind: 'under way', what: selector(words.slice(1)) }
    case 'vote':
      return { kind: 'vote', txn: word(second), node: word(fourth), vote: word(fifth) }
    case 'answer':
      return { kind: 'answer', txn: word(second), answer: word(third) }
    case 'place':
      return { kind: 'place', txn: word(second), place: placeOf(word(third)) }
    case 'path':
      return { kind: 'path', txn: word(second), node: word(fourth), path: word(fifth) }
    default:
      return { kind: 'status', txn: word(first), node: word(third), status: word(fourth) }
  }
}

function placeOf(place: string): 'id' | 'later' | 'never' | 'open' {
  if (place === 'id' || place === 'later' || place === 'never' || place === 'open') return place
  throw new ScenarioError(`a place is id, later, never or open, not ${place}`)
}

/** `[kind] [txn] [A->B | A-> | ->B]`. */
function selector(words: readonly string[]): Selector {
  let kind: string | undefined
  let txn: string | undefined
  let from: string | undefined
  let to: string | undefined
  for (const each of words) {
    const arrow = each.split('->')
    if (arrow.length === 2) {
      from = arrow[0] === '' ? undefined : arrow[0]
      to = arrow[1] === '' ? undefined : arrow[1]
    } else if (/^[a-z][A-Za-z]{3,}$/.test(each)) kind = each
    else txn = each
  }
  return { kind, txn, from, to }
}

function word(value: string | undefined): string {
  if (value === undefined || value === '') throw new ScenarioError('a word is missing')
  return value
}
