/**
 * Which features the members use. A feature is offered by each build that has it; when every member
 * offers it, each makes its store require it; when every store does, it is used, and from then on
 * for ever (ADR 0033). So no member that lacks it, or could go back to a build that does, ever
 * meets it.
 */

import type { NodeSerial } from '../time/timestamp.ts'
import {
  ALL_FEATURES,
  NO_CLAIMS,
  featureSet,
  type Feature,
  type FeatureClaims,
  type FeatureSet,
  type StoredFeatures,
} from './features.ts'

/** One replica's part in it. */
export class AgreedFeatures {
  readonly #peers: () => readonly NodeSerial[]
  readonly #heard = new Map<NodeSerial, FeatureClaims>()
  #offers: FeatureSet
  /** As it shall be stored, and as it is. */
  #wanted: StoredFeatures
  #stored: StoredFeatures
  #writing: StoredFeatures
  #told: FeatureClaims

  /**
   * `offers`: of this build, less those that are held back; what the store requires is offered
   * anyway. `peers`: the other members of the open epoch.
   */
  constructor(stored: StoredFeatures, offers: FeatureSet, peers: () => readonly NodeSerial[]) {
    this.#peers = peers
    this.#stored = stored
    this.#wanted = stored
    this.#writing = stored
    this.#offers = offers | stored.requires
    this.#told = this.claims
    this.#review()
  }

  /**
   * Whether it may be used: every member's store requires it, this one's durably. Never false again
   * once true.
   */
  enabled(feature: Feature): boolean {
    return (this.active & featureSet([feature])) !== 0
  }

  /** All that may be used. */
  get active(): FeatureSet {
    return this.#wanted.active & this.#stored.requires
  }

  /** What peers may be told: durable, but for what is merely offered. */
  get claims(): FeatureClaims {
    return { offers: this.#offers, requires: this.#stored.requires, active: this.active }
  }

  /** What a member of the epoch tells. */
  hear(from: NodeSerial, claims: FeatureClaims): void {
    this.#heard.set(from, claims)
    this.#review()
  }

  /** Holds nothing back any longer. */
  offerAll(): void {
    this.#offers = ALL_FEATURES
    this.#review()
  }

  /** What to write now, in a write of its own if need be; undefined when nothing changed. */
  takeWrite(): StoredFeatures | undefined {
    if (same(this.#wanted, this.#writing)) return undefined
    this.#writing = this.#wanted
    return this.#wanted
  }

  /** That write is durable. */
  written(stored: StoredFeatures): void {
    this.#stored = stored
    this.#review()
  }

  /** What is new since the last call: peers learn it at once, not with the next heartbeat. */
  takeNews(): { readonly isNew: boolean; readonly enabled: FeatureSet } {
    const before = this.#told
    this.#told = this.claims
    const { offers, requires, active } = this.#told
    const isNew =
      offers !== before.offers || requires !== before.requires || active !== before.active
    return { isNew, enabled: active & ~before.active }
  }

  /** For images. */
  image(): unknown {
    const heard = [...this.#heard].sort(([a], [b]) => a - b)
    return [this.#offers, this.#wanted, this.#stored, this.#writing, heard]
  }

  #review(): void {
    let { requires, active } = this.#wanted
    let offered = this.#offers
    let required = this.#stored.requires
    for (const peer of this.#peers()) {
      const claims = this.#heard.get(peer) ?? NO_CLAIMS
      offered &= claims.offers | claims.requires
      required &= claims.requires
      // One member knows that all require it: this holds for ever, whoever else is silent.
      requires |= claims.active & ALL_FEATURES
      active |= claims.active & this.#stored.requires
    }
    requires |= offered & ALL_FEATURES
    active |= required & ALL_FEATURES
    if (requires === this.#wanted.requires && active === this.#wanted.active) return
    this.#wanted = { requires, active }
  }
}

function same(a: StoredFeatures, b: StoredFeatures): boolean {
  return a.requires === b.requires && a.active === b.active
}
