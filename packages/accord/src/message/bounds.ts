/** The most of everything that one message may name. */

/** Ids in one set of deps, and marks in it. */
export const DEPS_IDS_MAX = 65_536
/** The most marks that deps may have. */
export const DEPS_MARKS_MAX = 65_536

/** Ids in one Query, and items in its answer. */
export const QUERY_IDS_MAX = 256

/** Members of one configuration. */
export const MEMBERS_MAX = 64

/** Entries in one chunk of the log. */
export const CHUNK_ENTRIES_MAX = 4096

/** Transactions that a closed floor or a closed epoch lists. */
export const FLOOR_IDS_MAX = 65_536

/** Ends of epochs in one answer (`protocol.md` 4.1). */
export const EPOCH_ENDS_MAX = 16

/** Bytes of a hash, a digest or a store's identity. */
export const HASH_BYTES_MAX = 64

/** Bytes of the name of a snapshot, and of the digest of its parts. */
export const CUT_BYTES = 16
/** SHA-256. */
export const CUT_DIGEST_BYTES = 32

/** Bytes of a store's identity. */
export const STORE_ID_BYTES = 16
