import { describe as suite, expect, test } from 'vitest'
import { Agreement, type AppliedStep, type NodeDigest, compareDigests } from './agreement.ts'

const step = (n: number, over: Partial<AppliedStep> = {}): AppliedStep => ({
  id: BigInt(n),
  executeAt: BigInt(n * 10),
  position: BigInt(n),
  txnHash: `t${n}`,
  execHash: `e${n}`,
  ...over,
})

/** Applies at nodes and collects what is wrong. */
function run(...steps: [node: number, life: number, step: AppliedStep][]): readonly string[] {
  const agreement = new Agreement()
  return steps.flatMap(([node, life, each]) => agreement.applied(node, life, each)?.name ?? [])
}

suite('agreement accepts', () => {
  test('one node behind another', () => {
    expect(run([1, 1, step(1)], [1, 1, step(2)], [2, 1, step(1)], [2, 1, step(2)])).toEqual([])
  })

  test('a node that repeats after a restart what was not yet durable', () => {
    expect(run([1, 1, step(1)], [1, 1, step(2)], [1, 2, step(2)], [1, 2, step(3)])).toEqual([])
  })

  test('a node that went down with its first write of all, which installs a snapshot', () => {
    const agreement = new Agreement()
    for (const n of [1, 2, 3]) agreement.applied(1, 1, step(n))
    agreement.installing(2)
    expect(agreement.applied(2, 2, step(3))).toBeUndefined()
    expect(agreement.applied(3, 2, step(3))?.name).toBe('order differs')
  })

  test('a batch of several positions, an empty batch of none', () => {
    expect(run([1, 1, step(1, { position: 5n })], [1, 1, step(2, { position: 5n })])).toEqual([])
  })

  test('the same decision from several nodes', () => {
    const agreement = new Agreement()
    expect(agreement.decided(1, 7n, 8n)).toBeUndefined()
    expect(agreement.decided(2, 7n, 8n)).toBeUndefined()
    expect(agreement.outcomeOf(7n)).toBe(8n)
  })
})

suite('agreement names', () => {
  test('order differs: another transaction, one skipped, one twice', () => {
    expect(run([1, 1, step(1)], [1, 1, step(2)], [2, 1, step(2)])).toEqual(['order differs'])
    expect(run([1, 1, step(1)], [2, 1, step(2)])).toEqual(['order differs'])
    expect(run([1, 1, step(1)], [1, 1, step(1)])).toEqual(['order differs'])
  })

  test('order differs: a node that skips after its restart', () => {
    const others: [number, number, AppliedStep][] = [
      [1, 1, step(1)],
      [1, 1, step(2)],
      [1, 1, step(3)],
    ]
    expect(run(...others, [2, 1, step(1)], [2, 2, step(3)])).toEqual(['order differs'])
  })

  test('executeAt fell, position fell', () => {
    expect(run([1, 1, step(2)], [1, 1, step(3, { executeAt: 20n })])).toEqual(['executeAt fell'])
    expect(run([1, 1, step(2)], [1, 1, step(3, { position: 1n })])).toEqual(['position fell'])
  })

  test('position, transaction chain and outcome chain differ', () => {
    const at = (over: Partial<AppliedStep>): readonly string[] =>
      run([1, 1, step(1)], [2, 1, step(1, over)])
    expect(at({ position: 2n })).toEqual(['position differs'])
    expect(at({ txnHash: 'x' })).toEqual(['transaction chain differs'])
    expect(at({ execHash: 'x' })).toEqual(['outcome chain differs'])
  })

  test('two timestamps; decided and invalidated, in either order', () => {
    expect(run([1, 1, step(1)], [2, 1, step(1, { executeAt: 11n })])).toEqual(['two timestamps'])
    const agreement = new Agreement()
    agreement.invalidated(1, 7n)
    expect(agreement.decided(2, 7n, 8n)?.name).toBe('decided and invalidated')
    const other = new Agreement()
    other.decided(1, 7n, 8n)
    expect(other.invalidated(2, 7n)?.name).toBe('decided and invalidated')
  })

  test('timestamp issued twice, across restarts too', () => {
    const agreement = new Agreement()
    expect(agreement.submitted(1, 1, 7n)).toBeUndefined()
    expect(agreement.submitted(1, 2, 7n)?.name).toBe('timestamp issued twice')
  })

  test('nodes differ: in each field', () => {
    const digest = (over: Partial<NodeDigest>): NodeDigest => ({
      node: 1,
      position: 4n,
      txnHash: 't',
      execHash: 'e',
      state: 's',
      ...over,
    })
    const names = (over: Partial<NodeDigest>): readonly string[] =>
      compareDigests([digest({}), digest({ node: 2, ...over })]).map((each) => each.name)
    expect(names({})).toEqual([])
    for (const over of [{ position: 3n }, { txnHash: 'x' }, { execHash: 'x' }, { state: 'x' }]) {
      expect(names(over)).toEqual(['nodes differ'])
    }
  })
})
