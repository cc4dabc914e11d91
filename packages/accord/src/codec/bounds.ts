/** What decoding may cost, whatever the bytes say. */

/** Bytes of a cluster's identity. */
export const CLUSTER_BYTES = 16

/**
 * What one decoding may allocate, as estimated by the reader: 48 MiB. Beyond it the bytes are
 * malformed.
 */
export const HEAP_BYTES_MAX = 50_331_648

/** A payload from this size on, that makes up half of its frame, is not copied out of it. */
export const PAYLOAD_VIEW_BYTES_MIN = 65_536
