/**
 * Real power-loss images of a real file: traces a writer, builds what a loss of power could have
 * left at each moment, and opens every image in another process. `testing.md`, section 3.
 *
 *     node --conditions=source --import tsx packages/store-lmdb/crash-images/run.ts [--batches 40]
 *
 * The last line is the verdict. It fails if an acknowledged batch is missing, one is there in part,
 * an image is not opened or ends the process, or if the planted lies are not found.
 */

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { ImageOpener } from './image-opener.ts'
import { callsOf } from './trace.ts'
import { TracedDisk, type Image } from './traced-disk.ts'

const RUN_TS = ['--conditions=source', '--import', 'tsx']
const TRACED = [
  ...['openat', 'close', 'rename', 'link', 'unlink', 'ftruncate', 'fallocate', 'lseek'],
  ...['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2', 'msync', 'fsync', 'fdatasync'],
].join(',')

interface Case {
  readonly image: Image
  readonly acknowledged: number
}

interface Verdict {
  readonly images: number
  readonly failures: readonly string[]
}

async function main(batches: number): Promise<number> {
  if (spawnSync('strace', ['-V']).status !== 0) {
    print('crash images: skipped, strace is not installed (apt-get install strace)')
    return 0
  }
  const honest = await verdictOf('none', batches)
  for (const failure of honest.failures.slice(0, 10)) print(`  ${failure}`)
  const planted: string[] = []
  for (const plant of ['early', 'unsynced']) {
    const { images, failures } = await verdictOf(plant, 8)
    print(`planted lie "${plant}": ${failures.length} of ${images} images show it`)
    if (failures.length === 0) planted.push(plant)
  }
  const passed =
    honest.failures.length === 0 && planted.length === 0 && honest.images >= batches * 5
  print(
    `crash images ${passed ? 'passed' : 'FAILED'}: ${honest.images} images of ${batches} batches` +
      `, ${honest.failures.length} failures, ${2 - planted.length} of 2 planted lies found`,
  )
  return passed ? 0 : 1
}

async function verdictOf(plant: string, batches: number): Promise<Verdict> {
  const cases = casesOf(plant, batches)
  const failures: string[] = []
  const opener = new ImageOpener(RUN_TS)
  for (const [number, { image, acknowledged }] of cases.entries()) {
    const path = join(scratch, `image-${number}`)
    mkdirSync(path)
    for (const [name, bytes] of image) writeFileSync(join(path, name), bytes)
    const finding = await opener.find(path)
    const where = `image ${number}, ${acknowledged} acknowledged`
    if (finding.kind === 'failed') failures.push(`${where}: ${finding.why}`)
    else if (finding.count < acknowledged)
      failures.push(`${where}: only ${finding.count} are there`)
    else if (finding.count > acknowledged + 1) failures.push(`${where}: ${finding.count} are there`)
    rmSync(path, { recursive: true })
  }
  await opener.close()
  return { images: cases.length, failures }
}

/** Every image that differs from the others in its files or in what was promised. */
function casesOf(plant: string, batches: number): readonly Case[] {
  const path = join(scratch, `writer-${plant}`)
  const traceFile = join(scratch, `trace-${plant}`)
  mkdirSync(path)
  const writer = fileURLToPath(new URL('writer.ts', import.meta.url))
  const strace = ['-f', '-y', '-xx', '-s', '4000000', '-e', `trace=${TRACED}`, '-o', traceFile]
  const node = [process.execPath, ...RUN_TS, writer, path, String(batches), plant]
  const ended = spawnSync('strace', [...strace, ...node], { encoding: 'utf8' })
  if (ended.status !== 0) throw new Error(`the writer failed: ${ended.stderr}`)

  const disk = new TracedDisk(path)
  const cases = new Map<string, Case>()
  for (const call of callsOf(readFileSync(traceFile, 'latin1'))) {
    if (!disk.apply(call)) continue
    const { acknowledged } = disk
    for (const image of disk.afterPowerLoss())
      cases.set(digestOf(image, acknowledged), { image, acknowledged })
  }
  for (const [name, bytes] of disk.now()) {
    if (!readFileSync(join(path, name)).equals(bytes))
      throw new Error(`the trace does not make the file ${name}`)
  }
  return [...cases.values()]
}

function digestOf(image: Image, acknowledged: number): string {
  const hash = createHash('sha256').update(`${acknowledged}`)
  for (const [name, bytes] of image) hash.update(`\n${name} ${bytes.length}\n`).update(bytes)
  return hash.digest('hex')
}

const { values } = parseArgs({ options: { batches: { type: 'string', default: '40' } } })
const scratch = mkdtempSync(join(tmpdir(), 'synevi-crash-images-'))
try {
  process.exitCode = await main(Number(values.batches))
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
