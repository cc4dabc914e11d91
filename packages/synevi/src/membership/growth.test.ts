/** A cluster that grows, shrinks, and replaces members, while it works. */

import { describe, expect, test } from 'vitest'
import type { Node } from '../node.ts'
import { Add, Count, failureOf } from '../test/local-cluster.ts'
import { load, Town } from '../test/town.ts'

/** A town of so many voters, a … */
async function townOf(size: number): Promise<Town> {
  const town = new Town()
  const ids = ['a', 'b', 'c', 'd', 'e'].slice(0, size)
  const members = ids.map((id, serial) => ({ id, serial, address: id }))
  await town.until(Promise.all(ids.map((id) => town.open(id, { members }))))
  return town
}

/** Everybody counted the same, and holds the same. */
async function expectEqual(town: Town, answered: number): Promise<void> {
  const nodes = [...town.nodes.values()]
  const counts = await town.until(Promise.all(nodes.map((node) => node.read(Count('load')))))
  expect(new Set(counts)).toEqual(new Set([BigInt(answered)]))
  await town.level()
  expect(new Set(nodes.map((node) => node.stateDigest())).size).toBe(1)
}

test('one node grows to three and five under load, without a pause above a second', async () => {
  const town = new Town()
  await town.until(town.open('a'))
  const writing = load(town, () => [...town.nodes.keys()])
  await town.join('b', 'a')
  await town.join('c', 'b')
  expect(town.rolesAt('a')).toEqual(['a', 'b', 'c'].map((id) => `${id} voter active`))
  expect(town.node('c').status().quorum).toMatchObject({ voters: 3, needed: 2, fast: 2 })
  await town.join('d', 'c')
  await town.join('e', 'd')
  expect(town.node('a').status().quorum).toMatchObject({ voters: 5, needed: 3, fast: 4 })
  await writing.stop()
  expect(writing.state.failures).toEqual([])
  expect(writing.state.answered).toBeGreaterThan(20)
  expect(writing.state.longestMs).toBeLessThan(1_000)
  await expectEqual(town, writing.state.answered)
  await town.close()
})

test('two that are added together become voters in one step, and never two', async () => {
  const town = new Town()
  await town.until(town.open('a'))
  for (const id of ['b', 'c']) await town.until(town.node('a').addMember({ id, address: id }))
  const sizes = new Set<number>()
  town.node('a').on('epoch', () => sizes.add(town.node('a').status().quorum.voters))
  await town.until(Promise.all(['b', 'c'].map((id) => town.open(id, { join: ['a'] }))))
  expect([...sizes]).toEqual([3])
  await town.close()
})

describe('a removal', () => {
  test('shrinks five to three to one under load; who went stops and says why', async () => {
    const town = await townOf(5)
    const alive = ['a', 'b', 'c', 'd', 'e']
    const writing = load(town, () => alive)
    for (const id of ['e', 'd', 'c', 'b']) {
      alive.splice(alive.indexOf(id), 1)
      await town.until(town.node('a').removeMember(id))
      expect(
        town
          .node('a')
          .members()
          .map((member) => member.id),
      ).toEqual(alive)
      await town.when(() => town.fatal.has(id), `${id} stops`)
      expect(town.fatal.get(id)).toMatchObject({ code: 'MEMBERSHIP_REMOVED', definite: true })
      expect(town.node(id).status()).toMatchObject({ phase: 'failed' })
      await town.kill(id)
    }
    await writing.stop()
    expect(writing.state.failures).toEqual([])
    expect(writing.state.longestMs).toBeLessThan(1_000)
    await expectEqual(town, writing.state.answered)
    await town.close()
  })

  test('takes the node itself that was asked, which then refuses everything', async () => {
    const town = await townOf(3)
    await town.until(town.node('a').removeMember('a'))
    const refused = await failureOf(town.node('a').submit(Add('x')))
    expect(refused).toMatchObject({ code: 'MEMBERSHIP_REMOVED', definite: true })
    expect(await town.until(town.node('b').submit(Add('x')))).toMatchObject({ ok: true })
    await town.close()
  })

  test('of a member that is away is learned by it when it comes back', async () => {
    const town = await townOf(3)
    await town.kill('c')
    await town.until(town.node('b').removeMember('c'))
    await town.until(town.node('a').submit(Add('x')))
    const members = ['a', 'b', 'c'].map((id, serial) => ({ id, serial, address: id }))
    const refused = await town.until(failureOf(town.open('c', { members })))
    expect(refused).toMatchObject({ code: 'MEMBERSHIP_REMOVED', definite: true })
    await town.close()
  })

  test('that would leave no quorum is refused, unless forced; the last voter stays', async () => {
    const town = await townOf(5)
    await town.kill('d')
    await town.kill('e')
    await town.when(() => town.node('a').status().quorum.reachable === 3, 'suspicion')
    const refused = await town.until(failureOf(town.node('a').removeMember('b')))
    expect(refused).toMatchObject({ code: 'MEMBERSHIP_UNSAFE', definite: true })
    expect(town.node('a').status().epoch).toBe(1)
    await town.until(town.node('a').removeMember('b', { force: true }))
    expect(town.rolesAt('a')).toHaveLength(4)
    const alone = new Town()
    await alone.until(alone.open('z'))
    for (const force of [false, true]) {
      const last = await alone.until(failureOf(alone.node('z').removeMember('z', { force })))
      expect(last).toMatchObject({ code: 'MEMBERSHIP_UNSAFE', definite: true })
    }
    await Promise.all([town.close(), alone.close()])
  })
})

describe('a replacement', () => {
  test('takes the place of a dead member under load, which may come back in vain', async () => {
    const town = await townOf(3)
    const alive = ['a', 'b']
    const writing = load(town, () => alive)
    await town.kill('c')
    await town.until(town.node('a').replaceMember('c', { id: 'd', address: 'd' }))
    expect(town.rolesAt('a')).toEqual([
      ...['a voter active', 'b voter active', 'c voter leaving', 'd learner joining'],
    ])
    await town.until(town.open('d', { join: ['a', 'b'] }))
    alive.push('d')
    expect(town.rolesAt('b')).toEqual(['a voter active', 'b voter active', 'd voter active'])
    expect(town.node('d').serial).toBe(3)
    await writing.stop()
    expect(writing.state.failures).toEqual([])
    expect(writing.state.longestMs).toBeLessThan(1_000)
    await expectEqual(town, writing.state.answered)
    const members = ['a', 'b', 'c'].map((id, serial) => ({ id, serial, address: id }))
    expect(await town.until(failureOf(town.open('c', { members })))).toMatchObject({
      code: 'MEMBERSHIP_REMOVED',
    })
    await town.close()
  })

  test('cures a lost disk: the old identity gets AMNESIA, the new one votes', async () => {
    const town = await townOf(3)
    await town.until(town.node('c').submit(Add('load')))
    await town.kill('c')
    town.wipe('c')
    const members = ['a', 'b', 'c'].map((id, serial) => ({ id, serial, address: id }))
    const opened = failureOf(town.open('c', { members }))
    expect(await town.until(opened)).toMatchObject({ code: 'AMNESIA', definite: true })
    await town.until(town.node('b').replaceMember('c', { id: 'd', address: 'd' }))
    await town.until(town.open('d', { join: ['b'] }))
    expect(town.rolesAt('a')).toEqual(['a voter active', 'b voter active', 'd voter active'])
    await expectEqual(town, 1)
    await town.close()
  })
})

describe('a joiner', () => {
  test('may be started before it is added, and waits', async () => {
    const town = await townOf(3)
    const opening = town.open('d', { join: ['b', 'c'] })
    await town.clock.advance(3_000)
    await town.until(town.node('a').addMember({ id: 'd', address: 'd' }))
    const joined = await town.until(opening)
    expect(joined.members().map(({ id, role }) => `${id} ${role}`)).toEqual([
      ...['a voter', 'b voter', 'c voter', 'd voter'],
    ])
    await town.close()
  })

  test('that nobody added, or that has nobody to ask, is refused at its deadline', async () => {
    const town = await townOf(3)
    const unknown = failureOf(
      town.open('x', { join: ['a'], timeouts: { joinMs: 2_000 }, self: { id: 'x' } }),
    )
    expect(await town.until(unknown)).toMatchObject({ code: 'MEMBERSHIP_UNKNOWN', definite: true })
    const silent = failureOf(town.open('y', { join: ['nowhere'], timeouts: { joinMs: 2_000 } }))
    expect(await town.until(silent)).toMatchObject({ code: 'NO_QUORUM', definite: true })
    await town.close()
  })

  test('that stops half-way goes on under the same serial, at whatever moment', async () => {
    const town = await townOf(3)
    for (let i = 0; i < 20; i++) await town.until(town.node('a').submit(Add('load')))
    await town.until(town.node('a').addMember({ id: 'd', address: 'd' }))
    for (const lifeMs of [1, 2, 3, 5, 8, 13, 21, 50, 130, 200, 260]) {
      const opening = town.open('d', { join: ['a'] })
      const died = opening.then(
        (node) => node.close({ drainMs: 0 }),
        () => undefined,
      )
      await town.clock.advance(lifeMs)
      town.stop('d')
      await town.until(died)
    }
    await town.until(town.open('d', { join: ['a'] }))
    expect(town.node('d').serial).toBe(3)
    await expectEqual(town, 20)
    await town.close()
  })

  test('whose disk is lost half-way is refused, and replaced by a new id and serial', async () => {
    const town = await townOf(3)
    await town.until(town.node('a').addMember({ id: 'd', address: 'd' }))
    const opening = town.open('d', { join: ['a'] })
    await town.when(() => town.node('a').members()[3]?.reachable === true, 'the learner is heard')
    town.stop('d')
    await town.until(failureOf(opening))
    town.wipe('d')
    expect(await town.until(failureOf(town.open('d', { join: ['a'] })))).toMatchObject({
      code: 'AMNESIA',
    })
    await town.until(town.node('a').replaceMember('d', { id: 'e', address: 'e' }))
    const joined = await town.until(town.open('e', { join: ['a'] }))
    expect(joined.serial).toBe(4)
    expect(town.rolesAt('a').map((role) => role.split(' ')[0])).toEqual(['a', 'b', 'c', 'e'])
    await town.close()
  })
})

describe('changes', () => {
  test('at several nodes at once are ordered, and all take effect', async () => {
    const town = await townOf(3)
    const done = Promise.all([
      town.node('a').addMember({ id: 'd', address: 'd' }),
      town.node('b').addMember({ id: 'e', address: 'e' }),
      town.node('c').removeMember('b'),
    ])
    await town.until(done)
    await town.until(Promise.all(['d', 'e'].map((id) => town.open(id, { join: ['a'] }))))
    expect(
      new Set(
        town
          .node('a')
          .members()
          .map(({ id }) => id),
      ),
    ).toEqual(new Set(['a', 'c', 'd', 'e']))
    const serials = town
      .node('a')
      .members()
      .map(({ serial }) => serial)
    expect(new Set(serials).size).toBe(4)
    await town.close()
  })

  test('asked again after an unknown outcome find their own effect', async () => {
    const town = await townOf(3)
    const spec = { id: 'd', address: 'd' }
    // Until all have heard of each other what they can.
    await town.clock.advance(1_000)
    const early = await town.until(failureOf(town.node('a').addMember(spec, { timeoutMs: 1 })))
    expect(early).toMatchObject({ code: 'TIMEOUT', definite: false })
    const again = await town.until(town.node('a').addMember(spec))
    const { epoch } = town.node('a').status()
    expect(epoch).toBe(2)
    expect(await town.until(town.node('b').addMember(spec))).toMatchObject({ serial: again.serial })
    expect(town.node('a').status().epoch).toBe(2)
    await town.until(town.node('a').removeMember('d'))
    await town.until(town.node('a').removeMember('d'))
    expect(town.node('a').status().epoch).toBe(3)
    await town.close()
  })

  test('are told as events, and as the state of members', async () => {
    const town = await townOf(3)
    const told: string[] = []
    const node: Node = town.node('b')
    node.on('epoch', ({ epoch }) => told.push(`epoch ${epoch}`))
    node.on('member', ({ id, role, state, sinceEpoch }) => {
      if (id === 'd') told.push(`${id} ${role} ${state} since ${sinceEpoch}`)
    })
    await town.join('d', 'a')
    await town.clock.advance(500)
    const distinct = told.filter((line, at) => line !== told[at - 1])
    expect(distinct).toEqual([
      ...['epoch 2', 'd learner joining since 2', 'epoch 3', 'd voter active since 2'],
    ])
    expect(node.status()).toMatchObject({ epoch: 3, quorum: { voters: 4 } })
    await town.close()
  })

  test('of nonsense are refused at the door', async () => {
    const town = await townOf(3)
    const node = town.node('a')
    const wrong: readonly (() => Promise<unknown>)[] = [
      () => node.addMember({ id: '', address: '' }),
      () => node.addMember({ id: 'x y', address: '' }),
      () => node.addMember({ id: 'x', address: '\n' }),
      () => node.addMember({ id: 'x', address: '', serial: -1 }),
      () => node.removeMember(''),
      () => node.replaceMember('b', { id: 'b', address: '' }),
      () => node.addMember({ id: 'b', address: 'elsewhere' }),
    ]
    for (const each of wrong) {
      expect(await town.until(failureOf(each()))).toMatchObject({
        ...{ code: 'INVALID_ARGUMENT', definite: true },
      })
    }
    expect(node.status().epoch).toBe(1)
    await town.close()
  })

  test('are remembered by a restart, whatever list it is given', async () => {
    const town = await townOf(3)
    await town.join('d', 'a')
    await town.kill('a')
    const members = ['a', 'b', 'c'].map((id, serial) => ({ id, serial, address: id }))
    const reopened = await town.until(town.open('a', { members }))
    expect(reopened.members().map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd'])
    expect(reopened.status().epoch).toBe(3)
    await town.kill('d')
    const joiner = await town.until(town.open('d', { join: ['nowhere'] }))
    expect(joiner.serial).toBe(3)
    await town.close()
  })
})
