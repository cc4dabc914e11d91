/** Who takes the backup of a plan: at one node after the other, until there is one. */

import { type BackupManifest, isSyneviError } from 'synevi'
import type { EventQueue, Micros } from '../event-queue.ts'
import type { Plan } from '../fault/plan.ts'
import type { Prng } from '../prng.ts'
import type { Watch } from '../watch.ts'
import type { Machine } from '../world/machine.ts'
import { SimPlace } from '../world/sim-place.ts'

const BACKOFF: Micros = 50_000

/** What an archivist works with. */
export interface ArchivistGround {
  readonly queue: EventQueue
  readonly plan: Plan
  readonly machines: readonly Machine[]
  readonly watch: Watch
  readonly random: Prng
}

/** A backup, and where it is. */
export interface Taken {
  readonly place: SimPlace
  readonly manifest: BackupManifest
}

/** One backup for each run. */
export class Archivist {
  readonly #ground: ArchivistGround
  #taken: Taken | undefined

  constructor(ground: ArchivistGround) {
    this.#ground = ground
  }

  /** Undefined: none is planned, or none is there yet. */
  get taken(): Taken | undefined {
    return this.#taken
  }

  /** Puts the backup of the plan into the queue. */
  schedule(): void {
    const { plan, queue, watch } = this.#ground
    const { restore } = plan
    if (restore === undefined) return
    queue.at(restore.at, () => {
      this.#run(restore.via, restore.placeFails).catch((error: unknown) =>
        watch.violation('simulator', { name: 'archivist broke', why: String(error) }),
      )
    })
  }

  async #run(via: number, fails: number): Promise<void> {
    const { machines, random, watch } = this.#ground
    for (let first = true; this.#taken === undefined; first = false) {
      const usable = machines.filter(({ node, differs }) => node !== undefined && !differs)
      const wanted = first ? usable.find(({ serial }) => serial === via) : undefined
      const machine = wanted ?? (usable.length === 0 ? undefined : random.pick(usable))
      const said = machine === undefined ? 'nobody' : await this.#attempt(machine, fails)
      if (said === undefined) return
      watch.coverage.count(`backup: ${said}`)
      await new Promise<void>((resolve) => this.#ground.queue.after(BACKOFF, resolve))
    }
  }

  /** Undefined when it is there; else why not. */
  #attempt(machine: Machine, fails: number): Promise<string | undefined> {
    const { queue, random, watch } = this.#ground
    const { node, process } = machine
    if (node === undefined || process === undefined) return Promise.resolve('gone')
    const place = SimPlace.empty({ queue, process, random, fails })
    return new Promise((resolve) => {
      const ended = machine.onDown(() => resolve('gone'))
      const end = (said: string | undefined): void => {
        ended()
        resolve(said)
      }
      process.enter(() => {
        const { position } = node.status().applied
        node.backup(place).then(
          (manifest) => {
            // It was executed differently, or on what the disk altered: not what was agreed.
            if (machine.differs) return end('differs')
            this.#took(machine, { place, manifest }, position)
            end(undefined)
          },
          (error: unknown) => {
            const said = isSyneviError(error) && error.definite ? error.code : String(error)
            const mayFail = fails > 0 || machine.damaged || machine.disk.failures > 0
            if (!(said === 'STORE_FAILED' ? mayFail : EXPECTED.has(said)))
              watch.violation('backup', { name: 'refused', why: String(error) })
            end(said)
          },
        )
      })
    })
  }

  /** What the node had told anybody when it was asked is in the backup. */
  #took(machine: Machine, taken: Taken, told: bigint): void {
    const { watch } = this.#ground
    const { position } = taken.manifest
    this.#taken = taken
    watch.coverage.count('backup taken')
    if (position >= told) return
    const why = `node ${machine.serial} was at ${told}, its backup is of ${position}`
    watch.violation('backup', { name: 'older than what was told', why })
  }
}

/** Closing, diverged, or none of the members: another node is asked. */
const EXPECTED: ReadonlySet<string> = new Set([
  ...['CLOSED', 'DIVERGED', 'AMNESIA', 'MEMBERSHIP_REMOVED'],
])
