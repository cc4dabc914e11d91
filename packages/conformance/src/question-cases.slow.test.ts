/** The cases of questions: each is failed by a network that is wrong in its way. */

import {
  LocalHub,
  LocalNetwork,
  SyneviError,
  type AskOptions,
  type Bytes,
  type Network,
  type NetworkListener,
  type NetworkSelf,
} from 'synevi'
import { expect, it } from 'vitest'
import { questionCases } from './question-cases.ts'

type Fault =
  | 'asks whoever answers first'
  | 'forgets codes'
  | 'invents answers'
  | 'ignores signals'
  | 'answers once'

/** Which fault each case must notice, by the beginning of its name. */
const NOTICED: Readonly<Record<string, Fault>> = {
  'a question is answered': 'asks whoever answers first',
  'a refusal arrives': 'forgets codes',
  'who is not there': 'invents answers',
  'a question that was taken back': 'ignores signals',
  'members ask': 'answers once',
}

/** A right network, with one fault in how it asks. */
class WrongNetwork extends LocalNetwork {
  readonly #fault: Fault
  readonly #started: string[]
  #answered = 0

  constructor(hub: LocalHub, fault: Fault, started: string[]) {
    super(hub)
    this.#fault = fault
    this.#started = started
  }

  override start(self: NetworkSelf, listener: NetworkListener): Promise<void> {
    this.#started.push(self.id)
    return super.start(self, listener)
  }

  override async ask(address: string, question: Bytes, options: AskOptions): Promise<Bytes> {
    const first = this.#started[0] ?? address
    const never = new AbortController().signal
    switch (this.#fault) {
      case 'asks whoever answers first':
        return super.ask(first, question, options)
      case 'ignores signals':
        return Promise.race([
          super.ask(address, question, { ...options, signal: never }),
          new Promise<Bytes>((_, reject) =>
            setTimeout(() => reject(new Error('waited in vain')), 200),
          ),
        ])
      case 'answers once':
        return this.#answered++ === 0 ? super.ask(address, question, options) : question.slice(1)
      case 'forgets codes':
      case 'invents answers':
        try {
          return await super.ask(address, question, options)
        } catch (cause) {
          if (this.#fault === 'invents answers') return new Uint8Array(0)
          throw new SyneviError('NOT_READY', 'it failed', { definite: true, cause })
        }
    }
  }
}

for (const questionCase of questionCases) {
  it(`a wrong network fails: ${questionCase.name}`, async () => {
    const begins = Object.keys(NOTICED).find((start) => questionCase.name.startsWith(start)) ?? ''
    const fault = NOTICED[begins]
    expect(fault, 'no fault is planted for this case').toBeDefined()
    if (fault === undefined) return
    const hub = new LocalHub()
    const started: string[] = []
    const open = (): { network: Network; address(id: string): string } => ({
      network: new WrongNetwork(hub, fault, started),
      address: (id) => id,
    })
    const fixture = { open, frameMaxBytes: 1000, keepsOrder: true, dispose: async () => {} }
    await expect(questionCase.run(async () => fixture)).rejects.toThrow()
  })
}
