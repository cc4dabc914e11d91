/** The epochs that nodes said were open: each has one configuration, and only one. */

import type { Configuration } from '@synevi/accord'
import type { Anomaly } from './history.ts'

/** One for each run. */
export class Memberships {
  readonly #first: number
  readonly #byEpoch = new Map<number, string>()
  #latest: Configuration | undefined

  /** Serials 0 … first − 1 are the members of the first epoch. */
  constructor(first: number) {
    this.#first = first
  }

  /** Of the latest epoch that is open anywhere; undefined before the first change. */
  get latest(): Configuration | undefined {
    return this.#latest
  }

  /** A node says that this epoch is open there. */
  opened(node: number, configuration: Configuration): Anomaly | undefined {
    const { epoch } = configuration
    const text = textOf(configuration)
    const known = this.#byEpoch.get(epoch)
    if (known === undefined) this.#byEpoch.set(epoch, text)
    if (epoch > (this.#latest?.epoch ?? 1)) this.#latest = configuration
    if (known === undefined || known === text) return undefined
    const why = `node ${node} opened epoch ${epoch} with ${text}; before it was ${known}`
    return { name: 'two configurations of one epoch', why }
  }

  /** In the latest epoch that is open anywhere. */
  isMember(serial: number): boolean {
    if (this.#latest === undefined) return serial < this.#first
    return this.#latest.members.some((member) => member.serial === serial)
  }
}

function textOf({ members, highestSerial }: Configuration): string {
  const all = members.map(({ serial, id, address, role, replaces, storeId }) => {
    const store = storeId === undefined ? '' : Buffer.from(storeId).toString('hex')
    return [serial, id, address, role ?? 'voter', replaces ?? '', store].join(' ')
  })
  return `${all.join(', ')}; highest ${highestSerial}`
}
