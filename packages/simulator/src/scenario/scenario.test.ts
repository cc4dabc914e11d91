import { describe, expect, it } from 'vitest'
import { parseScenario, ScenarioError } from './command.ts'
import { scenarioFiles } from './library.ts'
import { play } from './stage.ts'

describe('directed scenarios', () => {
  for (const { name, text } of scenarioFiles()) {
    it(name, () => {
      const { failure, transcript } = play(text)
      expect(failure, transcript.join('\n')).toBeUndefined()
    })
  }
})

describe('play', () => {
  it('fails at the line whose expectation does not hold, and says what is so instead', () => {
    const { failure, violation } = play('nodes 3\nsubmit x at A\nexpect place x id')
    expect(failure).toBe('line 3: expect place x id: it is open')
    expect(violation).toBe(false)
  })

  it('fails when a message to deliver is not under way, and says which are', () => {
    const { failure } = play('nodes 2\nsubmit x at A\ndeliver accept x A->B')
    expect(failure).toMatch(/^line 3: .*no such message; under way: A->B preAccept x1@n0$/)
  })

  it('says that a rule broke when an unfinishable cluster does not finish', () => {
    const { failure, violation } = play('nodes 3\nsubmit x at A\ncrash B\ncrash C\nfinish')
    expect(failure).toMatch(/stuck/)
    expect(violation).toBe(true)
  })

  it('plays the same transcript twice', () => {
    const [first] = scenarioFiles()
    expect(play(first?.text ?? '').transcript).toEqual(play(first?.text ?? '').transcript)
  })
})

describe('parseScenario', () => {
  it('names the line that is not of the language', () => {
    expect(() => parseScenario('nodes 3\n\nfrobnicate A')).toThrow(ScenarioError)
    expect(() => parseScenario('nodes 3\n\nfrobnicate A')).toThrow(/^line 3/)
  })

  it('tells message kinds, transactions and directions apart', () => {
    const [line] = parseScenario('deliver every preAccept x ->B')
    expect(line?.command).toEqual({
      kind: 'deliver',
      many: 'every',
      what: { kind: 'preAccept', txn: 'x', from: undefined, to: 'B' },
    })
  })
})
