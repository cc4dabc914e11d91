/** What `strace -f -y -xx` wrote, as calls that begin and end. */

/** A system call at the moment it begins or returns. `result` is absent at the beginning. */
export interface Call {
  readonly phase: 'begin' | 'end'
  /** The same for both moments. */
  readonly id: number
  readonly name: string
  readonly args: string
  readonly result: number | undefined
}

/** In the order of the trace. A call that never returned has no end. */
export function* callsOf(trace: string): Iterable<Call> {
  const unfinished = new Map<string, { id: number; text: string }>()
  let id = 0
  for (const line of trace.split('\n')) {
    const [, pid = '', text = ''] = /^(\d+)\s+(.*)$/s.exec(line) ?? []
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/s.exec(text)
    if (resumed !== null) {
      const started = unfinished.get(pid)
      if (started === undefined)
        throw new Error(`resumed without a beginning: ${text.slice(0, 80)}`)
      unfinished.delete(pid)
      yield parseCall(started.text + (resumed[1] ?? ''), started.id, 'end')
    } else if (text.endsWith('<unfinished ...>')) {
      const begun = { id: id++, text: text.slice(0, -'<unfinished ...>'.length).trimEnd() }
      unfinished.set(pid, begun)
      yield parseCall(begun.text, begun.id, 'begin')
    } else if (/^\w+\(/.test(text)) {
      yield parseCall(text, id, 'begin')
      yield parseCall(text, id++, 'end')
    }
  }
}

function parseCall(text: string, id: number, phase: 'begin' | 'end'): Call {
  const open = text.indexOf('(')
  const close = text.lastIndexOf(') = ')
  const end = close < 0 ? text.length : close
  const result = close < 0 ? undefined : Number.parseInt(text.slice(close + 4).trim(), 10)
  return {
    phase,
    id,
    name: text.slice(0, open),
    args: text.slice(open + 1, end),
    result: phase === 'end' ? result : undefined,
  }
}

/** The bytes of each string among the arguments, in order. */
export function stringsOf(args: string): Buffer[] {
  return [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?/g)].map(([, hex = '', cut]) => {
    if (cut !== undefined) throw new Error('strace cut a string short: raise -s')
    return Buffer.from(hex.replaceAll('\\x', ''), 'hex')
  })
}

/** The descriptor that is the first argument. */
export function descriptorOf(args: string): number {
  return Number.parseInt(args, 10)
}

/** The last argument, a number. */
export function lastNumberOf(args: string): number {
  return Number(args.slice(args.lastIndexOf(',') + 1).trim())
}
