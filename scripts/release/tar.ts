/** A tar archive of plain files, the same bytes each time: no owner, no times. */

/** One file. */
export interface TarFile {
  /** Relative, of 100 bytes at most, or 256 where it can be split at a slash. */
  readonly path: string
  readonly bytes: Uint8Array
}

const BLOCK = 512

/** The archive (ustar), its files in the order given. Throws for a path that is too long. */
export function tarOf(files: readonly TarFile[]): Buffer {
  const parts: Uint8Array[] = []
  for (const { path, bytes } of files) {
    parts.push(headerOf(path, bytes.length), bytes, Buffer.alloc(-bytes.length & (BLOCK - 1)))
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)])
}

function headerOf(path: string, size: number): Buffer {
  const header = Buffer.alloc(BLOCK)
  const [prefix, name] = split(path)
  header.write(name, 0, 100, 'utf8')
  header.write('0000644\0', 100)
  header.write('0000000\0', 108)
  header.write('0000000\0', 116)
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
  header.write(`${'0'.repeat(11)}\0`, 136)
  header.write(' '.repeat(8), 148)
  header.write('0', 156)
  header.write('ustar\0' + '00', 257)
  header.write(prefix, 345, 155, 'utf8')
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}

function split(path: string): readonly [prefix: string, name: string] {
  if (Buffer.byteLength(path) <= 100) return ['', path]
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
    const name = path.slice(at + 1)
    if (Buffer.byteLength(name) <= 100 && at <= 155) return [path.slice(0, at), name]
  }
  throw new Error(`a path too long for a tar: ${path}`)
}
