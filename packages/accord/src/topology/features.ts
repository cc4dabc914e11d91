/**
 * What a build can do beyond the first release, as bits: told in heartbeats, kept in the store (ADR
 * 0033).
 */

/** Each feature has a bit for ever: appended, never moved, never reused. At most 31. */
export const FEATURES = ['floors', 'reads', 'epochs', 'snapshots'] as const

/**
 * `floors`: Barriers and truncation (`protocol.md` 8). `reads`: reads without the log (9).
 * `epochs`: Reconfig, learners (10). `snapshots`: catching up by one (8.4).
 */
export type Feature = (typeof FEATURES)[number]

/** A set of features, those of later builds among them: bit i is `FEATURES[i]`. */
export type FeatureSet = number

/** None. */
export const NO_FEATURES: FeatureSet = 0

/** Those of this build. */
export const ALL_FEATURES: FeatureSet = (1 << FEATURES.length) - 1

/** The set of these. */
export function featureSet(features: readonly Feature[]): FeatureSet {
  return features.reduce((set, feature) => set | (1 << FEATURES.indexOf(feature)), NO_FEATURES)
}

/** Those of this build that are in the set, in their order. */
export function featuresIn(set: FeatureSet): readonly Feature[] {
  return FEATURES.filter((_, bit) => (set & (1 << bit)) !== 0)
}

/** What a store says of features: `active` is a part of `requires`. */
export interface StoredFeatures {
  /** A build that lacks one of them must not open the store. */
  readonly requires: FeatureSet
  /** Every member requires them: they are used. */
  readonly active: FeatureSet
}

/** What a node tells its peers of features, the durable part as it is durable. */
export interface FeatureClaims extends StoredFeatures {
  /** Its build has them, and its operator does not hold them back. */
  readonly offers: FeatureSet
}

/** What a peer of the first release tells. */
export const NO_CLAIMS: FeatureClaims = {
  offers: NO_FEATURES,
  requires: NO_FEATURES,
  active: NO_FEATURES,
}
