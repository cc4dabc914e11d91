/** The versions of frames. A link carries the newest that both ends read. */

/** The newest: what this build writes to peers that read it. */
export const FRAME_VERSION = 2

/** The oldest that this build reads, and writes to peers that read nothing newer: that of 0.1.0. */
export const FRAME_VERSION_MIN = 1
