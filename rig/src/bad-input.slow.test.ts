/**
 * Bad input for real processes: each gets its code and message, and costs the others nothing. What
 * packages test for themselves (`open.slow.test.ts`, `disk.slow.test.ts` of the store; the refusals
 * of the network) is here once, in a cluster that works meanwhile.
 */

import { cpSync, mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { GrpcNetwork } from '@synevi/network-grpc'
import { clusterOf, Kv, newNodeId, nodeSerial, type NodeSerial } from 'synevi'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { Cleanup } from './cleanup.ts'
import { Cluster } from './cluster.ts'
import { MemberProcess, type Start } from './member-process.ts'
import { sleep } from './monotonic.ts'
import type { MemberPlan, Question } from './orders.ts'
import { SteadyWriter } from './steady-writer.ts'

// A computer that does much else starts processes slowly.
vi.setConfig({ hookTimeout: 60_000 })

const cleanup = new Cleanup()
process.once('exit', () => cleanup.now())

let cluster: Cluster
let writer: SteadyWriter

beforeAll(async () => {
  cluster = await Cluster.make({ size: 3, seed: 1, cleanup })
  await cluster.start()
  writer = new SteadyWriter(cluster, [0, 1])
  await writer.written(5)
})

afterEach(async () => {
  await writer.written(1)
  expect(writer.failures).toEqual([])
  expect(cluster.troubles).toEqual([])
  for (const serial of [0, 1]) expect((await cluster.condition(serial)).phase).toBe('ready')
})

afterAll(async () => {
  await writer.stop()
  await cluster.close()
  cleanup.now()
})

/** Starts member 2 with another plan, once, and waits until it has stopped. */
async function startOther(change: Partial<MemberPlan>): Promise<Start> {
  const heard: string[] = []
  const other = new MemberProcess(
    { ...cluster.member(2).plan, joinMs: 20_000, ...change },
    {
      listening: (serial, address) => cluster.aim(serial, address),
      events: () => undefined,
      trouble: (_, what) => heard.push(what),
    },
  )
  cleanup.watch(other)
  const start = await other.start({ mayStop: true })
  await other.kill()
  cleanup.forget(other)
  expect(heard).toEqual([])
  return start
}

function stopped(code: string, message: RegExp): object {
  const failure = { code, message: expect.stringMatching(message) }
  return { kind: 'stopped', failure }
}

describe('a member is refused', () => {
  let copy: string

  beforeAll(async () => {
    await cluster.member(2).close(10_000)
    copy = join(cluster.folder, 'copy')
  })

  beforeEach(() => cpSync(cluster.member(2).plan.path, copy, { recursive: true }))
  afterEach(() => rmSync(copy, { recursive: true }))

  afterAll(async () => {
    expect(await cluster.member(2).start()).toEqual({ kind: 'ready' })
    expect(await cluster.settle([2], 10_000)).toBe(true)
  })

  test('the data directory of another node', async () => {
    const { plan } = cluster.member(1)
    const start = await startOther({ id: plan.id, serial: plan.serial, path: copy })
    expect(start).toMatchObject(
      stopped('INVALID_ARGUMENT', /belongs to node node-2, this is node node-1/),
    )
  })

  test('the data directory of another cluster', async () => {
    const { members } = cluster.member(2).plan
    const others = members.map((each) => (each.serial === 0 ? { ...each, id: 'stranger' } : each))
    const start = await startOther({ members: others, path: copy })
    expect(start).toMatchObject(stopped('INVALID_ARGUMENT', /belongs to cluster [0-9a-f]{32}/))
  })

  test('a data directory in a newer format', async () => {
    writeFileSync(join(copy, 'format'), 'synevi-store-lmdb 2\n')
    expect(await startOther({ path: copy })).toMatchObject(
      stopped('INCOMPATIBLE_VERSION', /written in store format 2.*upgrade first/),
    )
  })

  for (const bytes of [0, 8_192]) {
    test(`a data file cut to ${bytes} bytes`, async () => {
      truncateSync(join(copy, 'data.mdb'), bytes)
      expect(await startOther({ path: copy })).toMatchObject(stopped('STORE_FAILED', /data\.mdb/))
    })
  }

  test('noise for a data file', async () => {
    writeFileSync(join(copy, 'data.mdb'), Buffer.alloc(100_000, 'noise'))
    expect(await startOther({ path: copy })).toMatchObject(stopped('STORE_FAILED', /data\.mdb/))
  })

  test('a file instead of a data directory', async () => {
    const path = join(copy, 'format')
    expect(await startOther({ path })).toMatchObject(stopped('INVALID_ARGUMENT', /not a directory/))
  })

  test('an emptied data directory: its votes are forgotten', async () => {
    const path = join(copy, 'empty')
    mkdirSync(path)
    expect(await startOther({ path })).toMatchObject(stopped('AMNESIA', /replace|new serial/))
  })

  test('an older copy of its data, put back', async () => {
    // What a snapshot of the disk would hold: the rest of its life is missing.
    expect(await cluster.member(2).start()).toEqual({ kind: 'ready' })
    await writer.written(5)
    await cluster.member(2).close(10_000)
    expect(await startOther({ path: copy })).toMatchObject(
      stopped('AMNESIA', /rolled back to \d+.*under a new serial/),
    )
  })
})

describe('a second process', () => {
  test('on a data directory in use is refused', async () => {
    expect(await startOther({})).toMatchObject(
      stopped('STORE_FAILED', /in use|has it open|another process/),
    )
  })

  test('under a serial in use is refused', async () => {
    const path = join(cluster.folder, 'twin')
    const before = cluster.addresses.get(2) ?? ''
    expect(await startOther({ path, joinMs: 2_000 })).toMatchObject(
      stopped('SERIAL_TAKEN', /a second process calls itself node node-2/),
    )
    cluster.aim(2, before)
    expect((await cluster.condition(2)).phase).toBe('ready')
  })
})

describe('a peer port', () => {
  test('that hears noise closes the connection', async () => {
    const openings = [
      Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'),
      Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc]),
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      Buffer.alloc(0),
    ]
    const noise = Buffer.from(Array.from({ length: 20_000 }, (_, at) => (at * 7_919) >>> 3))
    await Promise.all(openings.map((opening) => pour(Buffer.concat([opening, noise]))))
  })

  test('that a node of another cluster dials refuses it, with words on both sides', async () => {
    const refused = await dial(Buffer.alloc(16, 7), 2, (network, heard) => {
      network.connect([peerOf(0)])
      return heard.refusal
    })
    expect(refused).toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect(refused.why).toMatch(/belongs to cluster 07070707/)
    await eventOf(0, /a connection was refused .*belongs to cluster 07070707/)
  })

  test('whose peer sends frames that mean nothing drops and counts them', async () => {
    await cluster.member(2).close(10_000)
    const before = (await cluster.condition(0)).rejectedFrames
    const members = cluster
      .member(2)
      .plan.members.map((each) => ({ ...each, serial: nodeSerial(each.serial) }))
    const frames = [
      Buffer.from('Sy'),
      Buffer.alloc(100),
      Buffer.from([0x53, 0x79, 99, ...Buffer.alloc(200)]),
      Buffer.alloc(1_000_000, 'noise'),
    ]
    await dial(clusterOf(members), 2, async (network, heard) => {
      network.connect([peerOf(0)])
      await heard.linked
      for (const frame of frames) network.send(nodeSerial(0), frame)
      const ends = performance.now() + 5_000
      while ((await cluster.condition(0)).rejectedFrames < before + BigInt(frames.length)) {
        if (performance.now() > ends) throw new Error('not all frames were counted')
        await sleep(20)
      }
    })
    expect(await cluster.member(2).start()).toEqual({ kind: 'ready' })
  })
})

// Last: this clock's timestamps stay in its store.
describe('a clock an hour ahead', () => {
  test('makes its node useless and nobody else', async () => {
    await cluster.member(2).close(10_000)
    const plan = { ...cluster.member(2).plan, clockAheadMs: 3_600_000 }
    const ahead = new MemberProcess(plan, {
      listening: (serial, address) => cluster.aim(serial, address),
      events: () => undefined,
      trouble: (_, what) => cluster.troubles.push(what),
    })
    cleanup.watch(ahead)
    expect(await ahead.start()).toEqual({ kind: 'ready' })
    const heard = await ahead.ask(submission(3_000), 5_000)
    expect(heard).toMatchObject({
      kind: 'failed',
      failure: {
        code: expect.stringMatching(/^(INVALIDATED|TIMEOUT)$/),
        message: expect.stringMatching(/too far in the future: the clocks differ by 3[56]\d{5} ms/),
      },
    })
    await writer.written(10)
    await ahead.close(15_000)
    cleanup.forget(ahead)
  })
})

function submission(timeoutMs: number): Question {
  const { name, payload } = Kv.delete('nothing')
  return { kind: 'submit', name, payload, id: newNodeId(), timeoutMs }
}

/** Resolves when the other side has closed; fails when it does not. */
function pour(bytes: Uint8Array): Promise<void> {
  const [host = '', port = ''] = (cluster.addresses.get(0) ?? '').split(':')
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), host)
    const late = setTimeout(() => reject(new Error('it stayed open')), 10_000)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearTimeout(late)
      resolve()
    })
    socket.write(bytes)
    socket.resume()
  })
}

function peerOf(serial: number): { id: string; serial: NodeSerial; address: string } {
  return {
    id: `node-${serial}`,
    serial: nodeSerial(serial),
    address: cluster.addresses.get(serial) ?? '',
  }
}

interface Heard {
  readonly refusal: Promise<{ readonly code: string; readonly why: string }>
  readonly linked: Promise<void>
}

/** A network of its own that claims to be that member. */
async function dial<T>(
  id: Uint8Array,
  serial: number,
  run: (network: GrpcNetwork, heard: Heard) => Promise<T>,
): Promise<T> {
  const network = new GrpcNetwork({ listen: '127.0.0.1:0' })
  let onRefusal: (refusal: { code: string; why: string }) => void = () => undefined
  let onLink = (): void => undefined
  const refusal = new Promise<{ code: string; why: string }>((resolve) => (onRefusal = resolve))
  const linked = new Promise<void>((resolve) => (onLink = resolve))
  await network.start(
    { cluster: id, id: `node-${serial}`, serial: nodeSerial(serial) },
    {
      receive: () => undefined,
      link: (_, up) => up && onLink(),
      refused: (_, code, why) => onRefusal({ code, why }),
    },
  )
  try {
    if (network.address !== undefined) cluster.aim(serial, network.address)
    return await run(network, { refusal, linked })
  } finally {
    await network.close()
  }
}

/** Something that a member told. */
async function eventOf(serial: number, what: RegExp): Promise<void> {
  const ends = performance.now() + 5_000
  while (!cluster.events.some((each) => each.member === serial && what.test(each.what))) {
    if (performance.now() > ends) throw new Error(`member ${serial} never told ${String(what)}`)
    await sleep(20)
  }
}
