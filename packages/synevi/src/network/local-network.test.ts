/** The network of one process against the contract. */

import { describe, expect, test } from 'vitest'
import { nodeSerial, type NodeSerial } from '@synevi/accord'
import { VirtualClock } from '../test/virtual-clock.ts'
import { LocalHub, LocalNetwork } from './local-network.ts'

const CLUSTER = new Uint8Array(16)

function makeWorld(delayMs = 0) {
  const clock = new VirtualClock()
  const hub = new LocalHub({ clock, delayMs })
  const log: string[] = []
  const ids = (serial: number): { id: string; serial: NodeSerial; address: string } => ({
    ...{ id: `n${serial}`, serial: nodeSerial(serial), address: '' },
  })
  const start = async (
    serial: number,
    peers: readonly number[],
    cluster = CLUSTER,
  ): Promise<LocalNetwork> => {
    const network = new LocalNetwork(hub)
    await network.start(
      { cluster, ...ids(serial) },
      {
        receive: (from, frame) => log.push(`${serial} hears ${[...frame].join()} of ${from}`),
        link: (peer, up) => log.push(`${serial} ${up ? 'up' : 'down'} ${peer}`),
        refused: (peer, code) => log.push(`${serial} refused ${peer} ${code}`),
      },
    )
    network.connect(peers.map(ids))
    return network
  }
  return { clock, hub, log, start, ids }
}

describe('links', () => {
  test('come up when both want it, later; frames before that are lost', async () => {
    const { clock, log, start } = makeWorld()
    const zero = await start(0, [1])
    zero.send(nodeSerial(1), Uint8Array.of(1))
    await clock.settle()
    expect(log).toEqual([])
    const one = await start(1, [0])
    expect(log).toEqual([])
    await clock.settle()
    expect(log.sort()).toEqual(['0 up 1', '1 up 0'])
    log.length = 0
    zero.send(nodeSerial(1), Uint8Array.of(2))
    one.send(nodeSerial(0), Uint8Array.of(3))
    one.send(nodeSerial(7), Uint8Array.of(4))
    expect(log).toEqual([])
    await clock.settle()
    expect(log).toEqual(['1 hears 2 of 0', '0 hears 3 of 1'])
  })

  test('go down at a cut, at close, and when a peer is no longer wanted', async () => {
    const { clock, hub, log, start, ids } = makeWorld()
    const [zero, one] = [await start(0, [1, 2]), await start(1, [0])]
    await start(2, [0])
    await clock.settle()
    log.length = 0
    hub.cut(nodeSerial(0), nodeSerial(1))
    zero.send(nodeSerial(1), Uint8Array.of(1))
    await clock.settle()
    expect(log.splice(0).sort()).toEqual(['0 down 1', '1 down 0'])
    hub.heal(nodeSerial(0), nodeSerial(1))
    await clock.settle()
    expect(log.splice(0).sort()).toEqual(['0 up 1', '1 up 0'])
    zero.connect([1].map(ids))
    await clock.settle()
    expect(log.splice(0).sort()).toEqual(['0 down 2', '2 down 0'])
    one.send(nodeSerial(0), Uint8Array.of(9))
    await one.close()
    await one.close()
    await clock.settle()
    // Nobody is told of its own end; what was sent before arrives.
    expect(log).toEqual(['0 hears 9 of 1', '0 down 1'])
  })

  test('never between clusters or with an unexpected serial; both sides are told why', async () => {
    const { clock, log, start, hub } = makeWorld()
    await start(0, [1])
    await start(1, [0], new Uint8Array(16).fill(1))
    await clock.settle()
    expect(log.splice(0).sort()).toEqual([
      '0 refused 1 INVALID_ARGUMENT',
      '1 refused 0 INVALID_ARGUMENT',
    ])
    await expect(start(0, [])).rejects.toMatchObject({ code: 'SERIAL_TAKEN' })
    const twice = new LocalNetwork(hub)
    const listener = { receive: () => undefined, link: () => undefined, refused: () => undefined }
    await twice.start({ cluster: CLUSTER, id: 'x', serial: nodeSerial(8) }, listener)
    const again = twice.start({ cluster: CLUSTER, id: 'x', serial: nodeSerial(9) }, listener)
    await expect(again).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

describe('frames', () => {
  test('are copied, kept in order, delayed, and lost on demand', async () => {
    const { clock, hub, log, start } = makeWorld(10)
    const zero = await start(0, [1])
    await start(1, [0])
    await clock.advance(10)
    log.length = 0
    const frame = Uint8Array.of(1)
    zero.send(nodeSerial(1), frame)
    frame[0] = 2
    hub.lose = () => true
    zero.send(nodeSerial(1), Uint8Array.of(3))
    hub.lose = () => false
    zero.send(nodeSerial(1), Uint8Array.of(4))
    await clock.advance(9)
    expect(log).toEqual([])
    await clock.advance(1)
    expect(log).toEqual(['1 hears 1 of 0', '1 hears 4 of 0'])
  })
})
