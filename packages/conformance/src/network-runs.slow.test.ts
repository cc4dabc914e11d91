/** Our networks against the network cases. The gRPC ones use loopback sockets. */

import { GrpcNetwork } from '@synevi/network-grpc'
import { LocalHub, LocalNetwork } from 'synevi'
import { describe, it } from 'vitest'
import { networkCases } from './network-cases.ts'
import { questionCases } from './question-cases.ts'
import type { MakeNetworks } from './network-fixture.ts'

const local: MakeNetworks = async () => {
  const hub = new LocalHub()
  return {
    open: () => ({ network: new LocalNetwork(hub), address: (id) => id }),
    frameMaxBytes: 4 * 2 ** 20,
    keepsOrder: true,
    dispose: async () => {},
  }
}

const grpc: MakeNetworks = async () => ({
  open: () => {
    const network = new GrpcNetwork({ listen: '127.0.0.1:0', frameMaxBytes: 2 * 2 ** 20 })
    return { network, address: () => network.address ?? '' }
  },
  frameMaxBytes: 2 * 2 ** 20,
  keepsOrder: true,
  dispose: async () => {},
})

for (const [name, make] of Object.entries({ LocalNetwork: local, GrpcNetwork: grpc })) {
  describe(name, () => {
    for (const { name: claim, run } of [...networkCases, ...questionCases])
      it(claim, () => run(make))
  })
}
