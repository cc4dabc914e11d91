/** Plain data as one string: equal data, equal string. For the identity of states. */

/**
 * Numbers, strings, bigints, bytes, arrays, maps, objects and undefined. Throws a TypeError for
 * anything else.
 */
export function canonical(value: unknown): string {
  const parts: string[] = []
  write(value, parts)
  return parts.join('')
}

function write(value: unknown, parts: string[]): void {
  switch (typeof value) {
    case 'undefined':
      parts.push('~')
      return
    case 'string':
      parts.push('"', value, '"')
      return
    case 'number':
    case 'boolean':
      parts.push(String(value), ',')
      return
    case 'bigint':
      parts.push(value.toString(36), 'n')
      return
    case 'object':
      writeObject(value, parts)
      return
    default:
      throw new TypeError(`not plain data: ${typeof value}`)
  }
}

function writeObject(value: object | null, parts: string[]): void {
  if (value === null) parts.push('null')
  else if (value instanceof Uint8Array) parts.push('x', [...value].join('.'), ',')
  else if (Array.isArray(value)) {
    parts.push('[')
    for (const item of value) write(item, parts)
    parts.push(']')
  } else if (value instanceof Map) {
    parts.push('m')
    write([...value], parts)
  } else {
    parts.push('{')
    for (const [key, item] of Object.entries(value)) {
      parts.push(key, ':')
      write(item, parts)
    }
    parts.push('}')
  }
}
