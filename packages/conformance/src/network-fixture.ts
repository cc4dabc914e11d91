/** What someone who has a network gives to the network cases. */

import type { Network } from 'synevi'

/** A network to try. */
export interface TestNetwork {
  readonly network: Network
  /** Where its peers find it; asked once it has started under that id. */
  address(id: string): string
}

/** Networks that can reach each other. */
export interface NetworkFixture {
  /** One more, not started. */
  open(): TestNetwork
  /** The largest frame it carries. */
  readonly frameMaxBytes: number
  /** Whether frames on one link arrive in the order they were sent, as far as they arrive. */
  readonly keepsOrder: boolean
  /** How long anything that must happen may take. Default 10,000. */
  readonly waitMs?: number
  /** How long to listen for what must not happen. Default 100. */
  readonly quietMs?: number
  /** Called at the end, after every network was closed. */
  dispose(): Promise<void>
}

/** Makes a world of its own for each case. */
export type MakeNetworks = () => Promise<NetworkFixture>
