/** What any `Network` must do that lets nodes join: questions to an address, before membership. */

import { isSyneviError, SyneviError, type Bytes, type SyneviErrorCode } from 'synevi'
import { check, checkBytes, type ConformanceCase } from './conformance-case.ts'
import type { MakeNetworks } from './network-fixture.ts'
import { networkCase, type NetworkTrial, type TestNode } from './network-trial.ts'

/** For networks that have `ask`; the others cannot be joined through. */
export const questionCases: readonly ConformanceCase<MakeNetworks>[] = [
  networkCase('a question is answered, by who is at the address', async (trial) => {
    const [a, b] = await listeners(trial)
    const asker = trial.node({ serial: 7 })
    for (const [node, mark] of [
      [a, 1],
      [b, 2],
    ] as const) {
      const question = Uint8Array.from({ length: 4000 }, (_, index) => index % 251)
      const copy = question.slice()
      const answer = await ask(asker, node, question)
      checkBytes(answer, Uint8Array.of(mark, ...copy), 'the answer')
      answer.fill(0)
    }
    const [first] = a.heard.questions
    check(first?.id === asker.self.id, `the question came from ${first?.id}`)
  }),
  networkCase('a refusal arrives with its code and words', async (trial) => {
    const [a] = await listeners(trial)
    a.heard.answer = () =>
      Promise.reject(new SyneviError('MEMBERSHIP_UNKNOWN', 'add it first', { definite: true }))
    const asker = trial.node({ serial: 7 })
    const error = await failureOf(ask(asker, a, Uint8Array.of(1)), 'MEMBERSHIP_UNKNOWN')
    check(error.message.includes('add it first'), `the refusal says: ${error.message}`)
  }),
  networkCase('who is not there does not answer', async (trial) => {
    const [a] = await listeners(trial)
    const address = a.addressOf()
    await a.close()
    const asker = trial.node({ serial: 7 })
    await failureOf(askAt(asker, address, Uint8Array.of(1)), 'NOT_READY')
  }),
  networkCase('a question that was taken back ends, answered or not', async (trial) => {
    const [a] = await listeners(trial)
    a.heard.answer = () => new Promise(() => undefined)
    const asker = trial.node({ serial: 7 })
    const abort = new AbortController()
    const pending = askAt(asker, a.addressOf(), Uint8Array.of(1), abort.signal)
    await trial.until(a, () => a.heard.questions.length > 0, 'the question arrives')
    abort.abort()
    await failureOf(pending, 'CANCELLED')
    const late = askAt(asker, a.addressOf(), Uint8Array.of(1), abort.signal)
    await failureOf(late, 'CANCELLED')
  }),
  networkCase('members ask as well, and their links do not notice', async (trial) => {
    const [a, b, c] = await trial.trio()
    b.heard.answer = async (_, question) => question
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => ask(a, b, Uint8Array.of(index))),
    )
    answers.forEach((answer, index) => checkBytes(answer, Uint8Array.of(index), 'an answer'))
    await trial.deliver(a, b, Uint8Array.of(1))
    await trial.deliver(c, b, Uint8Array.of(2))
    check(b.heard.linkTo(a.serial) === true, 'a link was lost by a question')
  }),
]

function ask(from: TestNode, to: TestNode, question: Bytes): Promise<Bytes> {
  return askAt(from, to.addressOf(), question)
}

async function askAt(
  from: TestNode,
  address: string,
  question: Bytes,
  signal: AbortSignal = new AbortController().signal,
): Promise<Bytes> {
  const { network, self } = from
  check(network.ask !== undefined, 'the network has ask()')
  return network.ask(address, question, { id: self.id, signal })
}

/** Two nodes that answer with their serial before the question. */
async function listeners(trial: NetworkTrial): Promise<readonly [TestNode, TestNode]> {
  const [a, b] = [trial.node({ serial: 1 }), trial.node({ serial: 2 })]
  for (const node of [a, b]) {
    node.heard.answer = async (_, question) => Uint8Array.of(node.serial, ...question)
    await node.start()
  }
  return [a, b]
}

async function failureOf(asked: Promise<Bytes>, code: SyneviErrorCode): Promise<SyneviError> {
  const error: unknown = await asked.then(
    () => new Error('it was answered'),
    (reason: unknown) => reason,
  )
  check(isSyneviError(error, code), `expected ${code}, got ${String(error)}`)
  return error
}
