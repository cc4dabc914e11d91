/** The end of the simulated wires that one process holds. */

import { FRAME_VERSION_MIN, type Bytes } from '@synevi/accord'
import type { AskOptions, Network, NetworkListener, NetworkSelf, PeerAddress } from 'synevi'
import type { SimProcess } from './process.ts'

/** What a port needs of the wires. */
export interface Wires {
  register(process: SimProcess, self: NetworkSelf, listener: NetworkListener): void
  setPeers(process: SimProcess, peers: readonly PeerAddress[]): void
  send(process: SimProcess, to: number, frame: Bytes): void
  ask(process: SimProcess, address: string, question: Bytes, id: string): Promise<Bytes>
  processEnded(process: SimProcess, reset: boolean): void
}

/** The network port of one process. */
export class SimPort implements Network {
  readonly #network: Wires
  readonly #process: SimProcess
  readonly #heard: ((frame: Bytes) => boolean) | undefined
  #closed = false

  /** `heard`: of the release before, which reads frames of version 1; false loses one. */
  constructor(network: Wires, process: SimProcess, heard?: (frame: Bytes) => boolean) {
    this.#heard = heard
    this.#network = network
    this.#process = process
  }

  start(self: NetworkSelf, listener: NetworkListener): Promise<void> {
    if (!this.#process.admits()) return new Promise(() => {})
    const heard = this.#heard
    const said = heard === undefined ? self : { ...self, frameVersion: FRAME_VERSION_MIN }
    this.#network.register(this.#process, said, {
      receive: (from, frame) =>
        this.#closed || heard?.(frame) === false || listener.receive(from, frame),
      link: (peer, up, version) =>
        this.#closed || listener.link(peer, up, heard === undefined ? version : FRAME_VERSION_MIN),
      refused: (peer, code, why) => this.#closed || listener.refused(peer, code, why),
      asked: async (id, question) => {
        if (this.#closed || listener.asked === undefined) return new Promise<Bytes>(() => {})
        return listener.asked(id, question)
      },
    })
    return Promise.resolve()
  }

  connect(peers: readonly PeerAddress[]): void {
    if (this.#process.admits()) this.#network.setPeers(this.#process, peers)
  }

  send(to: number, frame: Bytes): void {
    if (this.#process.admits() && !this.#closed) this.#network.send(this.#process, to, frame)
  }

  ask(address: string, question: Bytes, { id }: AskOptions): Promise<Bytes> {
    if (!this.#process.admits() || this.#closed) return new Promise(() => {})
    return this.#network.ask(this.#process, address, question, id)
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true
      this.#network.processEnded(this.#process, true)
    }
    return Promise.resolve()
  }
}
