import { type Bytes, millis, nodeSerial } from '@synevi/accord'
import { type Store, isSyneviError } from 'synevi'
import { describe, expect, test } from 'vitest'
import { EventQueue } from '../event-queue.ts'
import { Prng } from '../prng.ts'
import { Trace } from '../trace.ts'
import { SimClock, WORLD_BEGIN_NANOS, WallClock } from './clock.ts'
import { SimDisk } from './disk.ts'
import { SimNetwork, type WireConditions } from './network.ts'
import { SimProcess } from './process.ts'

const bytes = (...values: number[]): Bytes => Uint8Array.from(values)

/** Takes every event until `until`, promises running dry between two. */
async function run(queue: EventQueue, until = Infinity): Promise<void> {
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))
  await turn()
  while (queue.step(until)) await turn()
  if (until !== Infinity) queue.advance(until)
}

function processOn(queue: EventQueue, node = 0, incarnation = 1): SimProcess {
  return new SimProcess({ node, incarnation, queue })
}

describe('a process', () => {
  test('paused, takes nothing in; resumed, everything in order', () => {
    const queue = new EventQueue()
    const process = processOn(queue)
    const seen: number[] = []
    process.pause(100)
    for (let i = 0; i < 3; i++) process.enter(() => seen.push(i))
    expect(seen).toEqual([])
    while (queue.step(Infinity));
    expect(queue.now).toBe(100)
    expect(seen).toEqual([0, 1, 2])
  })

  test('slow, takes one after the other, each at its cost', () => {
    const queue = new EventQueue()
    const process = processOn(queue)
    process.slow(10)
    const times: number[] = []
    for (let i = 0; i < 3; i++) process.enter(() => times.push(queue.now))
    while (queue.step(Infinity));
    expect(times).toEqual([10, 20, 30])
  })

  test('ended, never takes anything in, nor what waited', () => {
    const queue = new EventQueue()
    const process = processOn(queue)
    const seen: string[] = []
    process.pause(50)
    process.enter(() => seen.push('waiting'))
    process.end()
    process.enter(() => seen.push('late'))
    while (queue.step(Infinity));
    expect(seen).toEqual([])
    expect(process.admits()).toBe(false)
    expect(process.lateCalls).toBe(1)
  })
})

describe('clocks', () => {
  test('a wall clock has an offset, drifts, steps, and stands still', () => {
    const queue = new EventQueue()
    const wall = new WallClock(queue, { offsetMs: -200, driftPpm: 500 })
    expect(wall.offsetMs()).toBe(-200)
    queue.advance(1_000_000_000)
    expect(wall.offsetMs()).toBe(300)
    wall.step(-1_000)
    expect(wall.offsetMs()).toBe(-700)
    wall.freeze()
    const stands = wall.now()
    queue.advance(1_001_000_000)
    expect(wall.now()).toBe(stands)
    wall.thaw()
    queue.advance(1_002_000_000)
    expect(Number(wall.now() - stands)).toBeCloseTo(1_000_500_000, -3)
    wall.correct(400)
    expect(wall.offsetMs()).toBe(-400)
    expect(wall.now()).toBeGreaterThan(WORLD_BEGIN_NANOS)
  })

  test('alarms ring once, at their elapsed time or just after it, whatever the drift', async () => {
    for (const driftPpm of [-500, 0, 500]) {
      const queue = new EventQueue()
      queue.advance(123_457)
      const wall = new WallClock(queue, { offsetMs: 0, driftPpm: 0 })
      const clock = new SimClock({
        queue,
        process: processOn(queue),
        wall,
        elapsedBase: 777,
        driftPpm,
      })
      const rung: number[] = []
      for (const at of [777, 800, 5_000]) {
        clock.alarm(millis(at), () => rung.push(clock.now().elapsed - at))
      }
      const disposed = clock.alarm(millis(900), () => rung.push(-1))
      disposed[Symbol.dispose]()
      expect(rung).toEqual([])
      await run(queue)
      expect(rung).toEqual([0, 0, 0])
    }
  })

  test('soon is after the present event and before any alarm of a later time', async () => {
    const queue = new EventQueue()
    const wall = new WallClock(queue, { offsetMs: 0, driftPpm: 0 })
    const clock = new SimClock({
      queue,
      process: processOn(queue),
      wall,
      elapsedBase: 1,
      driftPpm: 0,
    })
    const seen: string[] = []
    clock.alarm(millis(2), () => seen.push('alarm'))
    clock.soon(() => seen.push('soon'))
    seen.push('now')
    await run(queue)
    expect(seen).toEqual(['now', 'soon', 'alarm'])
  })

  test('alarms of a dead process never ring', async () => {
    const queue = new EventQueue()
    const process = processOn(queue)
    const wall = new WallClock(queue, { offsetMs: 0, driftPpm: 0 })
    const clock = new SimClock({ queue, process, wall, elapsedBase: 1, driftPpm: 0 })
    let rung = false
    clock.alarm(millis(5), () => {
      rung = true
    })
    process.end()
    await run(queue)
    expect(rung).toBe(false)
  })
})

describe('a disk', () => {
  interface Bench {
    readonly queue: EventQueue
    readonly disk: SimDisk
    readonly process: SimProcess
    readonly store: Store
  }
  function bench(seed = 1n): Bench {
    const queue = new EventQueue()
    const speed = { syncMin: 1_000, syncMax: 1_001 }
    const disk = new SimDisk({ queue, random: Prng.of(seed), trace: new Trace(0), speed })
    const process = processOn(queue)
    return { queue, disk, process, store: disk.port(process) }
  }
  const put = (key: number, value: number): { key: Bytes; value: Bytes }[] => [
    { key: bytes(key), value: bytes(value) },
  ]

  test('shows a write once it resolved, and not before', async () => {
    const { queue, store } = bench()
    const writing = store.write(put(1, 1))
    expect(store.get(bytes(1))).toBeUndefined()
    await run(queue)
    await writing
    expect(store.get(bytes(1))).toEqual(bytes(1))
  })

  test('scans in the order of unsigned bytes, within a range, either way', async () => {
    const { queue, store } = bench()
    void store.write([3, 1, 0xff, 0x80, 2].flatMap((key) => put(key, key)))
    await run(queue)
    const keys = (range: Parameters<Store['scan']>[0]): number[] =>
      [...store.scan(range)].map(([key]) => key[0] ?? -1)
    expect(keys({})).toEqual([1, 2, 3, 0x80, 0xff])
    expect(keys({ from: bytes(2), until: bytes(0xff) })).toEqual([2, 3, 0x80])
    expect(keys({ reverse: true, limit: 2 })).toEqual([0xff, 0x80])
    expect(keys({ from: bytes(9), until: bytes(1) })).toEqual([])
    void store.write([{ key: bytes(2), value: undefined }])
    await run(queue)
    expect(keys({})).toEqual([1, 3, 0x80, 0xff])
  })

  test('a dead process never hears of its write; the next sees all or nothing', async () => {
    const kept: boolean[] = []
    for (let seed = 0; seed < 40; seed++) {
      const { queue, disk, process, store } = bench(BigInt(seed))
      let resolved = false
      void store.write([...put(1, 1), ...put(2, 2)]).then(() => {
        resolved = true
      })
      await run(queue, 700)
      process.end()
      disk.crash(seed % 2 === 0 ? 'kill' : 'power')
      await run(queue)
      expect(resolved).toBe(false)
      const next = disk.port(processOn(queue, 0, 2))
      const both = [next.get(bytes(1)), next.get(bytes(2))].map((value) => value !== undefined)
      expect(both[0]).toBe(both[1])
      kept.push(both[0] === true)
    }
    expect(new Set(kept)).toEqual(new Set([true, false]))
  })

  test('what was synced survives power loss, though the process had not heard of it', async () => {
    const { queue, disk, process, store } = bench()
    void store.write(put(1, 1))
    process.pause()
    await run(queue, 2_000)
    process.end()
    disk.crash('power')
    expect(disk.port(processOn(queue, 0, 2)).get(bytes(1))).toEqual(bytes(1))
  })

  test('a failed write rejects with STORE_FAILED; a write after it is a breach', async () => {
    const { queue, disk, store } = bench()
    disk.failNext()
    let caught: unknown
    store.write(put(1, 1)).catch((error: unknown) => {
      caught = error
    })
    await run(queue)
    expect(isSyneviError(caught, 'STORE_FAILED')).toBe(true)
    expect(disk.breaches).toEqual([])
    void store.write(put(2, 2))
    expect(disk.breaches).toContain('a write after a failed one')
  })

  test('two writes at once breach the contract', () => {
    const { disk, store } = bench()
    void store.write(put(1, 1))
    void store.write(put(2, 2))
    expect(disk.breaches).toEqual(['a write before the one before it resolved'])
  })

  test('a stall holds writes back, those under way too; a slow disk takes longer', async () => {
    const { queue, disk, store } = bench()
    const times: number[] = []
    const write = (key: number): void =>
      void store.write(put(key, 1)).then(() => times.push(queue.now))
    write(1)
    disk.stall(5_000)
    await run(queue)
    disk.slow(10)
    write(2)
    await run(queue)
    expect(times[0]).toBe(5_000)
    expect(times[1]).toBeGreaterThanOrEqual(15_000)
  })

  test('a wiped disk is empty; a full one says so', async () => {
    const { queue, disk, store } = bench()
    void store.write(put(1, 1))
    await run(queue)
    disk.fill(true)
    expect(store.hasRoom?.()).toBe(false)
    disk.heal()
    expect(store.hasRoom?.()).toBe(true)
    disk.wipe()
    expect(disk.contents()).toEqual([])
  })
})

describe('a network', () => {
  const QUIET: WireConditions = {
    delayMin: 1_000,
    delayMax: 1_000,
    jitter: 0,
    drop: 0,
    duplicate: 0,
    spike: 0,
    spikeMax: 0,
    reorder: false,
    flip: 0,
    late: 0,
    bandwidth: 0,
    noticeMin: 10_000,
    noticeMax: 10_001,
  }
  interface End {
    readonly process: SimProcess
    readonly heard: [from: number, first: number, at: number][]
    readonly links: [peer: number, up: boolean][]
    send(to: number, ...frame: number[]): void
  }
  interface Net {
    readonly queue: EventQueue
    readonly network: SimNetwork
    readonly end: (serial: number, life?: number) => End
  }
  function net(over: Partial<WireConditions> = {}, count = 3): Net {
    const queue = new EventQueue()
    const conditions = { ...QUIET, ...over }
    const network = new SimNetwork({ queue, random: Prng.of(1n), trace: new Trace(0), conditions })
    const end = (serial: number, life = 1): End => {
      const process = processOn(queue, serial, life)
      const port = network.port(process)
      const heard: End['heard'] = []
      const links: End['links'] = []
      const self = { cluster: bytes(1), id: `n${serial}`, serial: nodeSerial(serial) }
      void port.start(self, {
        receive: (from, frame) => heard.push([from, frame[0] ?? -1, queue.now]),
        link: (peer, up) => links.push([peer, up]),
        refused: () => {},
      })
      const peers = Array.from({ length: count }, (_, i) => i).filter((i) => i !== serial)
      port.connect(peers.map((i) => ({ id: `n${i}`, serial: nodeSerial(i), address: '' })))
      return {
        process,
        heard,
        links,
        send: (to, ...frame) => port.send(nodeSerial(to), bytes(...frame)),
      }
    }
    return { queue, network, end }
  }

  test('carries frames in order, after the delay, and reports links', async () => {
    const { queue, end } = net()
    const [a, b] = [end(0), end(1)]
    await run(queue)
    expect(a.links).toEqual([[1, true]])
    expect(b.links).toEqual([[0, true]])
    a.send(1, 7)
    a.send(1, 8)
    expect(b.heard).toEqual([])
    const sent = queue.now
    await run(queue)
    expect(b.heard).toEqual([
      [0, 7, sent + 1_000],
      [0, 8, sent + 1_000],
    ])
  })

  test('a cut holds one way, both ends notice, and lifting it brings the link back', async () => {
    const { queue, network, end } = net()
    const [a, b] = [end(0), end(1)]
    await run(queue)
    network.links.cut({ from: 0, to: 1 })
    network.linksChanged()
    a.send(1, 1)
    b.send(0, 2)
    await run(queue)
    expect(b.heard).toEqual([])
    expect(a.heard.map(([, first]) => first)).toEqual([2])
    expect(a.links.at(-1)).toEqual([1, false])
    expect(b.links.at(-1)).toEqual([0, false])
    network.links.lift({ from: 0, to: 1 })
    network.linksChanged()
    await run(queue)
    expect(a.links.at(-1)).toEqual([1, true])
    expect(network.counts.cut).toBe(1)
  })

  test('two cuts of one link must both be lifted; a frame under way is lost too', async () => {
    const { queue, network, end } = net()
    const [a, b] = [end(0), end(1)]
    await run(queue)
    a.send(1, 1)
    network.links.cut({ from: 0, to: 1 })
    network.links.cut({ from: 0, to: 1 })
    await run(queue)
    network.links.lift({ from: 0, to: 1 })
    expect(network.links.passes({ from: 0, to: 1 })).toBe(false)
    network.links.lift({ from: 0, to: 1 })
    expect(network.links.passes({ from: 0, to: 1 })).toBe(true)
    expect(b.heard).toEqual([])
  })

  test('a killed peer is noticed at once, one without power later', async () => {
    for (const [reset, delay] of [
      [true, 1_000],
      [false, 10_000],
    ] as const) {
      const { queue, network, end } = net()
      const [a, b] = [end(0), end(1)]
      await run(queue)
      const died = queue.now
      b.process.end()
      network.processEnded(b.process, reset)
      await run(queue)
      expect(a.links).toEqual([
        [1, true],
        [1, false],
      ])
      expect(queue.now - died - delay).toBeLessThanOrEqual(1)
    }
  })

  test('frames to a dead process do not reach the next one, but late ones do', async () => {
    for (const late of [0, 1]) {
      const { queue, network, end } = net({ late })
      const [a, b] = [end(0), end(1)]
      await run(queue)
      a.send(1, 9)
      b.process.end()
      network.processEnded(b.process, true)
      const again = end(1, 2)
      await run(queue)
      expect(again.heard.map(([, first]) => first)).toEqual(late === 1 ? [9] : [])
    }
  })

  test('drops, repeats and damages at the rates it is given', async () => {
    const drops = net({ drop: 0.5 })
    const repeats = net({ duplicate: 0.5 })
    const flips = net({ flip: 0.5 })
    const counts: number[] = []
    for (const { queue, end } of [drops, repeats, flips]) {
      const [a, b] = [end(0), end(1)]
      await run(queue)
      for (let i = 0; i < 400; i++) a.send(1, 0)
      await run(queue)
      counts.push(b.heard.length)
    }
    expect(counts[0]).toBeGreaterThan(150)
    expect(counts[0]).toBeLessThan(250)
    expect(counts[1]).toBeGreaterThan(550)
    expect(counts[1]).toBeLessThan(650)
    expect(flips.network.counts.flipped).toBeGreaterThan(150)
    expect(counts[2]).toBe(400)
  })

  test('a flipped frame differs in one bit, and the one that was sent stays whole', async () => {
    const { queue, network, end } = net({ flip: 1, duplicate: 1 })
    const [a, b] = [end(0), end(1)]
    await run(queue)
    a.send(1, 0)
    await run(queue)
    const firsts = b.heard.map(([, first]) => first).sort((x, y) => x - y)
    expect(firsts[0]).toBe(0)
    expect(Math.log2(firsts[1] ?? 0) % 1).toBe(0)
    expect(network.counts.flipped).toBe(1)
  })

  test('a misreported link goes down and up while frames pass', async () => {
    const { queue, network, end } = net()
    const [a, b] = [end(0), end(1)]
    await run(queue)
    network.misreport({ from: 0, to: 1 }, 5_000)
    a.send(1, 3)
    await run(queue)
    expect(a.links).toEqual([
      [1, true],
      [1, false],
      [1, true],
    ])
    expect(b.heard).toHaveLength(1)
  })

  test('limited bandwidth makes frames wait for one another', async () => {
    const { queue, end } = net({ bandwidth: 8_000 })
    const [a, b] = [end(0), end(1)]
    await run(queue)
    const sent = queue.now
    a.send(1, ...Array.from({ length: 100 }, () => 1))
    a.send(1, 2)
    await run(queue)
    expect(b.heard.map(([, , at]) => at - sent)).toEqual([101_000, 102_000])
  })

  test('faults can be limited to some links', async () => {
    const { queue, network, end } = net({ drop: 1 })
    const [a, b, c] = [end(0), end(1), end(2)]
    await run(queue)
    network.limitFaults(({ to }) => to === 2)
    a.send(1, 1)
    a.send(2, 1)
    await run(queue)
    expect([b.heard.length, c.heard.length]).toEqual([1, 0])
  })
})
