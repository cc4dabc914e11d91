/**
 * A copy of core, node and these instruments in a folder of its own, where mutants are applied,
 * compiled and hunted. Nothing in it points back into the tree but the compiler, which is run from
 * there, and type declarations.
 */

import { execFile } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { HuntResult } from './hunt.ts'
import { applyEdit, type Edit, type Mutant } from './mutant.ts'

const PACKAGES = ['accord', 'synevi', 'simulator'] as const
/** A hunt that takes longer is given up: it survived. */
const HUNT_MAX_MS = 3 * 3_600_000

/** One mutant at a time. {@link Workshop.close} removes the folder. */
export class Workshop {
  readonly #root: string
  readonly #folder: string

  private constructor(root: string, folder: string) {
    this.#root = root
    this.#folder = folder
  }

  /** Copies and compiles everything once, without a mutant. */
  static async open(): Promise<Workshop> {
    const root = fileURLToPath(new URL('../../../../', import.meta.url))
    const shop = new Workshop(root, mkdtempSync(join(tmpdir(), 'synevi-mutants-')))
    shop.#copy()
    const failure = await shop.#compile('packages/simulator')
    if (failure === undefined) return shop
    shop.close()
    throw new Error(`the copy does not compile: ${failure}`)
  }

  /**
   * Applies, compiles, hunts, and takes the mutant back. `from` is the first seed. Throws when it
   * does not apply.
   */
  async try(mutant: Mutant, from: bigint): Promise<HuntResult> {
    const originals = new Map<string, string>()
    try {
      for (const edit of mutant.edits) {
        const path = join(this.#folder, 'packages', edit.in ?? 'accord', 'src', edit.file)
        const text = readFileSync(path, 'utf8')
        if (!originals.has(path)) originals.set(path, text)
        writeFileSync(path, applyEdit(text, edit))
      }
      // What uses them is compiled already, and their types stay.
      const failure = await this.#compile(...new Set(mutant.edits.map(projectOf)))
      if (failure !== undefined) throw new Error(`does not compile: ${failure}`)
      return await this.#hunt(mutant, from)
    } finally {
      for (const [path, text] of originals) writeFileSync(path, text)
    }
  }

  close(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #copy(): void {
    const to = this.#folder
    const isSource = (path: string): boolean =>
      !path.endsWith('.test.ts') && !path.includes('/src/test')
    for (const name of PACKAGES) {
      mkdirSync(join(to, 'packages', name), { recursive: true })
      cpSync(
        join(this.#root, 'packages', name, 'package.json'),
        join(to, 'packages', name, 'package.json'),
      )
      const path = join('packages', name, 'src')
      cpSync(join(this.#root, path), join(to, path), { recursive: true, filter: isSource })
    }
    cpSync(
      join(this.#root, 'packages/simulator/scenarios'),
      join(to, 'packages/simulator/scenarios'),
      { recursive: true },
    )
    const base = readFileSync(join(this.#root, 'tsconfig.base.json'), 'utf8')
    writeFileSync(
      join(to, 'tsconfig.base.json'),
      base.replaceAll(/"noUnused(Locals|Parameters)": true/g, '"noUnused$1": false'),
    )
    writeFileSync(join(to, 'packages/accord/tsconfig.json'), configOf([], {}))
    const node = { types: ['node'], typeRoots: [join(this.#root, 'node_modules/@types')] }
    const accord = { path: '../accord' }
    writeFileSync(join(to, 'packages/synevi/tsconfig.json'), configOf([accord], node))
    writeFileSync(
      join(to, 'packages/simulator/tsconfig.json'),
      configOf([accord, { path: '../synevi' }], node),
    )
    mkdirSync(join(to, 'node_modules/@synevi'), { recursive: true })
    symlinkSync('../../packages/accord', join(to, 'node_modules/@synevi/accord'))
    symlinkSync('../packages/synevi', join(to, 'node_modules/synevi'))
  }

  /** What the compiler said, or undefined. */
  async #compile(...projects: readonly string[]): Promise<string | undefined> {
    const compiler = join(this.#root, 'node_modules/typescript/bin/tsc')
    const { code, output } = await run(this.#folder, [compiler, '-b', ...projects])
    return code === 0 ? undefined : output.slice(0, 1_000)
  }

  async #hunt(mutant: Mutant, from: bigint): Promise<HuntResult> {
    const { hunts, explored } = mutant
    const order = JSON.stringify({ hunts, explored, from: String(from) })
    const hunter = join(this.#folder, 'packages/simulator/dist/mutant/hunter.js')
    const { code, output } = await run(this.#folder, [hunter, order])
    if (code !== 0) throw new Error(`the hunt ended with ${code}: ${output.slice(-1_000)}`)
    const result: HuntResult = JSON.parse(output)
    return result
  }
}

function projectOf(edit: Edit): string {
  return join('packages', edit.in ?? 'accord')
}

function configOf(references: readonly { readonly path: string }[], options: object): string {
  const compilerOptions = { rootDir: 'src', outDir: 'dist', ...options }
  return JSON.stringify({
    extends: '../../tsconfig.base.json',
    compilerOptions,
    include: ['src'],
    references,
  })
}

function run(
  cwd: string,
  args: readonly string[],
): Promise<{ code: number | string; output: string }> {
  return new Promise((resolve) => {
    const settings = { cwd, timeout: HUNT_MAX_MS, maxBuffer: 1 << 26 }
    execFile(
      process.execPath,
      ['--max-old-space-size=4096', ...args],
      settings,
      (error, stdout, stderr) => {
        resolve({
          code: error === null ? 0 : (error.code ?? error.signal ?? 1),
          output: stdout + (error === null ? '' : stderr),
        })
      },
    )
  })
}
