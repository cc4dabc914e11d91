/** What any `Network` must do. */

import { nodeSerial, type Bytes } from 'synevi'
import { check, checkBytes, sameBytes, type ConformanceCase } from './conformance-case.ts'
import type { MakeNetworks } from './network-fixture.ts'
import { networkCase, type NetworkTrial, type TestNode } from './network-trial.ts'
import { SeededNumbers } from './seeded-numbers.ts'

/** Every claim of the `Network` contract that can be tried from outside. */
export const networkCases: readonly ConformanceCase<MakeNetworks>[] = [
  networkCase('three nodes reach each other', async (trial) => {
    const nodes = await trial.trio()
    for (const from of nodes) {
      for (const to of nodes)
        if (from !== to) await trial.deliver(from, to, Uint8Array.of(from.serial, to.serial))
    }
    for (const to of nodes) {
      for (const from of nodes) {
        for (const frame of to.heard.frames(from.serial))
          checkBytes(frame, Uint8Array.of(from.serial, to.serial), 'a frame')
      }
    }
  }),
  networkCase('frames arrive whole or not at all, of every size', async (trial) => {
    const [a, b] = await trial.trio()
    const numbers = new SeededNumbers(1)
    const sizes = [
      1,
      2,
      255,
      256,
      16_383,
      16_384,
      65_535,
      65_536,
      1_000_003,
      trial.fixture.frameMaxBytes,
    ]
    const frames = sizes
      .filter((size) => size <= trial.fixture.frameMaxBytes)
      .map((size) => patterned(size, numbers))
    for (const frame of frames) await trial.deliver(a, b, frame)
    for (const frame of b.heard.frames(a.serial)) {
      check(
        frames.some((sent) => sameBytes(sent, frame)),
        `a frame of ${frame.length} bytes arrived that nobody sent`,
      )
    }
  }),
  networkCase('frames on one link keep their order, if that is promised', async (trial) => {
    const [a, b, c] = await trial.trio()
    for (let number = 0; number < 2000; number++) {
      const frame = new Uint8Array(number % 7 === 0 ? 5000 : 8)
      new DataView(frame.buffer).setUint32(0, number)
      a.send(b, frame)
      c.send(b, frame)
    }
    const last = Uint8Array.of(255, 255, 255, 255)
    await Promise.all([trial.deliver(a, b, last), trial.deliver(c, b, last)])
    for (const from of [a, c]) {
      const found = b.heard
        .frames(from.serial)
        .map((frame) => new DataView(frame.buffer, frame.byteOffset).getUint32(0))
      const sorted = [...new Set(found)].sort((left, right) => left - right)
      check(
        found.every((number) => number < 2000 || number === 0xffff_ffff),
        'a frame arrived that nobody sent',
      )
      if (trial.fixture.keepsOrder) {
        const inOrder = [...new Set(found)]
        check(inOrder.join() === sorted.join(), `frames from ${from.serial} arrived out of order`)
      }
    }
  }),
  networkCase('a received frame belongs to the receiver', async (trial) => {
    const [a, b, c] = await trial.trio()
    const frame = patterned(5000, new SeededNumbers(2))
    const copy = frame.slice()
    await trial.deliver(a, b, frame)
    for (const received of b.heard.frames(a.serial)) received.fill(0)
    checkBytes(frame, copy, "the sender's frame")
    await trial.deliver(a, c, frame)
    const before = c.heard.frames(a.serial).map((received) => received.slice())
    await trial.deliver(a, c, patterned(5000, new SeededNumbers(3)))
    before.forEach((kept, index) =>
      checkBytes(c.heard.frames(a.serial)[index], kept, 'a frame kept by its receiver'),
    )
  }),
  networkCase('a lost link is told to both ends, and found again', async (trial) => {
    const [a, b, c] = await trial.trio()
    a.connect(c)
    await trial.unlinked(a, b)
    await trial.unlinked(b, a)
    check(a.heard.linkTo(c.serial) === true, 'a link that stays was told to be down')
    await trial.deliver(a, c, Uint8Array.of(1))
    a.connect(b, c)
    await trial.linked(a, b)
    await trial.deliver(a, b, Uint8Array.of(2))
    await trial.deliver(b, a, Uint8Array.of(3))
  }),
  networkCase('up and down are told in turns', async (trial) => {
    const [a, b, c] = await trial.trio()
    for (let round = 0; round < 3; round++) {
      a.connect(c)
      await trial.unlinked(b, a)
      await trial.unlinked(a, b)
      a.connect(c, b)
      await trial.linked(a, b)
    }
    // The same peers again change nothing.
    a.connect(b, c)
    await trial.deliver(a, b, Uint8Array.of(1))
    for (const [node, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      const told = node.heard.all.flatMap((each) =>
        each.kind === 'link' && each.peer === peer.serial ? [each.up] : [],
      )
      check(
        told.every((up, index) => up === (index % 2 === 0)),
        `node ${node.serial} was told ${told.join()} of a link`,
      )
    }
  }),
  networkCase('a peer that closes is told to be down', async (trial) => {
    const [a, b, c] = await trial.trio()
    await c.close()
    await trial.unlinked(a, c)
    await trial.unlinked(b, c)
    await trial.deliver(a, b, Uint8Array.of(7))
  }),
  networkCase('a peer that comes back, elsewhere, is reached again', async (trial) => {
    const [a, b, c] = await trial.trio()
    await b.close()
    await trial.unlinked(a, b)
    const again = trial.node({ serial: 2 })
    await again.start()
    again.connect(a, c)
    a.connect(again, c)
    await trial.linked(a, again)
    await trial.deliver(a, again, Uint8Array.of(9))
    await trial.deliver(again, a, Uint8Array.of(8))
  }),
  networkCase('each learns what the other reads, anew with each link', async (trial) => {
    const [a, b] = [
      trial.node({ serial: 1, frameVersion: 7 }),
      trial.node({ serial: 2, frameVersion: 3 }),
    ]
    await Promise.all([a.start(), b.start()])
    a.connect(b)
    b.connect(a)
    await trial.linked(a, b)
    check(b.heard.versionOf(a.serial) === 7, 'the peer reads version 7, and this was not told')
    check(a.heard.versionOf(b.serial) === 3, 'the peer reads version 3, and this was not told')
    await b.close()
    await trial.unlinked(a, b)
    const again = trial.node({ serial: 2 })
    await again.start()
    again.connect(a)
    a.connect(again)
    await trial.linked(a, again)
    check(a.heard.versionOf(again.serial) === 1, 'who does not say what it reads, reads version 1')
  }),
  networkCase('who is not among the peers is not heard', async (trial) => {
    const [a, b, stranger] = await started3(trial)
    a.connect(b)
    b.connect(a)
    stranger.connect(a, b)
    await trial.linked(a, b)
    for (let round = 0; round < 20; round++) {
      stranger.send(a, Uint8Array.of(66))
      await trial.deliver(b, a, Uint8Array.of(round))
    }
    await trial.quiet()
    for (const node of [a, b]) {
      check(
        node.heard.frames(stranger.serial).length === 0,
        `node ${node.serial} heard a stranger's frame`,
      )
      check(
        node.heard.linkTo(stranger.serial) !== true,
        `node ${node.serial} was linked to a stranger`,
      )
    }
    check(stranger.heard.frames(a.serial).length === 0, 'a stranger heard a frame')
  }),
  networkCase('another cluster is refused', async (trial) => {
    const [a, b] = await started3(trial)
    const foreign = trial.node({ serial: 4, cluster: new Uint8Array(16).fill(99) })
    await foreign.start()
    a.connect(b, foreign)
    b.connect(a)
    foreign.connect(a)
    await trial.linked(a, b)
    const refused = (node: TestNode): boolean =>
      node.heard.all.some(({ kind }) => kind === 'refused')
    await Promise.race([
      trial.until(a, () => refused(a), 'a is told of the refusal'),
      trial.until(foreign, () => refused(foreign), 'the foreign node is told of the refusal'),
    ])
    foreign.send(a, Uint8Array.of(66))
    a.send(foreign, Uint8Array.of(66))
    await trial.deliver(b, a, Uint8Array.of(1))
    await trial.quiet()
    for (const [node, other] of [
      [a, foreign],
      [foreign, a],
    ] as const) {
      check(node.heard.linkTo(other.serial) !== true, 'nodes of two clusters are linked')
      check(node.heard.frames(other.serial).length === 0, 'a frame came from another cluster')
    }
  }),
  networkCase('a second node under a serial is refused', async (trial) => {
    const [a, b, c] = await trial.trio()
    const twin = trial.node({ serial: 2, id: 'twin' })
    const startedAtAll = await twin.start().then(
      () => true,
      () => false,
    )
    if (startedAtAll) {
      twin.connect(a, c)
      for (let round = 0; round < 10; round++) {
        twin.send(a, Uint8Array.of(66))
        await trial.deliver(c, a, Uint8Array.of(round))
      }
      await trial.quiet()
    }
    check(twin.heard.frames(a.serial).length === 0, 'the second node under a serial heard a frame')
    check(
      !a.heard.has(b.serial, Uint8Array.of(66)),
      "the second node's frame was heard as the first's",
    )
    await trial.deliver(a, b, Uint8Array.of(5))
    await trial.deliver(b, a, Uint8Array.of(6))
  }),
  networkCase('sending never throws, whoever the peer', async (trial) => {
    const alone = trial.node({ serial: 9 })
    alone.network.send(nodeSerial(1), Uint8Array.of(1))
    const [a, b, c] = await trial.trio()
    for (const serial of [1, 2, 3, 4, 65_535]) a.network.send(nodeSerial(serial), Uint8Array.of(1))
    a.network.send(b.serial, new Uint8Array(0))
    a.network.send(b.serial, new Uint8Array(trial.fixture.frameMaxBytes + 1))
    await c.close()
    for (let round = 0; round < 100; round++) a.send(c, new Uint8Array(1000))
    await trial.deliver(a, b, Uint8Array.of(1, 2))
    check(a.heard.frames(a.serial).length === 0, 'a node heard itself')
    await a.close()
    a.network.send(b.serial, Uint8Array.of(1))
  }),
  networkCase('a burst does not block, and the link outlives it', async (trial) => {
    const [a, b] = await trial.trio()
    for (let number = 0; number < 20_000; number++)
      a.network.send(b.serial, Uint8Array.of(number & 255, number >> 8, 1))
    const big = new Uint8Array(Math.min(trial.fixture.frameMaxBytes, 2 ** 20))
    for (let number = 0; number < 100; number++) a.network.send(b.serial, big)
    await trial.deliver(b, a, Uint8Array.of(1))
    await trial.deliver(a, b, Uint8Array.of(2))
  }),
  networkCase('closing is final, silent, and harmless again', async (trial) => {
    const [a, b, c] = await trial.trio()
    for (let number = 0; number < 200; number++) {
      b.send(a, Uint8Array.of(number))
      c.send(a, Uint8Array.of(number))
    }
    await Promise.all([a.close(), a.close()])
    const told = a.heard.all.length
    for (let number = 0; number < 50; number++) b.send(a, Uint8Array.of(number))
    b.connect(c)
    await trial.deliver(b, c, Uint8Array.of(1))
    await a.close()
    await trial.quiet()
    check(
      a.heard.all.length === told,
      `a closed network told its node of ${a.heard.all.length - told} things`,
    )
    await trial.node({ serial: 5 }).close()
  }),
]

async function started3(trial: NetworkTrial): Promise<readonly [TestNode, TestNode, TestNode]> {
  const [a, b, c] = await trial.started(1, 2, 3)
  check(a !== undefined && b !== undefined && c !== undefined, 'three nodes')
  return [a, b, c]
}

/** Bytes that do not repeat at any short distance. */
function patterned(size: number, numbers: SeededNumbers): Bytes {
  const offset = numbers.below(251)
  return Uint8Array.from(
    { length: size },
    (_, index) => (index * 7 + (index >> 8) * 13 + offset) % 251,
  )
}
