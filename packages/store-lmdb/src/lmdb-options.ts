/** The options of an `LmdbStore`, parsed once at the door. */

import { SyneviError } from 'synevi'

/**
 * `sync`: a write resolves once it is on the disk, power loss or not. `process`: once the operating
 * system has it, which survives the death of the process and not of the computer; a node that loses
 * power may have lost promises it gave, and must then come back as a new member.
 */
export type LmdbDurability = 'sync' | 'process'

/** What `LmdbStore.open` takes. */
export interface LmdbStoreOptions {
  /**
   * The data directory, of one node alone. Made with mode 0700 if absent; its parent must exist.
   */
  readonly path: string
  /**
   * The most the data may ever grow to, at least 1 MiB. Address space, not memory or disk. Default
   * 1 TiB.
   */
  readonly mapMaxBytes?: number
  /** Default `sync`. */
  readonly durability?: LmdbDurability
  /**
   * Below this much free space `hasRoom` is false, and a write that would leave less than half of
   * it is refused with `STORE_FULL`: the disk is never filled. Default the smaller of 256 MiB and 1
   * % of the file system. 0 turns the watch off.
   */
  readonly reserveBytes?: number
  /**
   * On opening, a file up to this size is read page by page, so that one the disk has altered is
   * refused and never the end of the process; about a second for each GiB. Of a larger one only the
   * meta pages are checked. Default 256 MiB: a quarter of a second (ADR 0034).
   */
  readonly treeCheckMaxBytes?: number
  /**
   * How much `path` can still take, in bytes, asked at most ten times a second: for quotas. Default
   * `statfs`.
   */
  readonly availableBytes?: (path: string) => number
}

/**
 * All of it, with defaults; `reserveBytes` undefined means the default, which depends on the file
 * system.
 */
export interface ParsedLmdbOptions {
  readonly path: string
  readonly mapMaxBytes: number
  readonly durability: LmdbDurability
  readonly reserveBytes: number | undefined
  readonly treeCheckMaxBytes: number
  readonly availableBytes: ((path: string) => number) | undefined
}

/**
 * 1 TiB: within the 47 bits of address space of every 64-bit computer, and a file nobody will fill.
 */
const MAP_BYTES_DEFAULT = 2 ** 40
const MAP_BYTES_MIN = 2 ** 20
/** A start that does not grow with history: larger stores trust their disk more, or wait. */
const TREE_CHECK_BYTES_DEFAULT = 256 * 2 ** 20
/** 64 TiB: half of what a 64-bit process can map. */
const MAP_BYTES_MAX = 2 ** 46

/** Throws `INVALID_ARGUMENT`, naming the option. */
export function parseLmdbOptions(options: LmdbStoreOptions): Readonly<ParsedLmdbOptions> {
  const { path, mapMaxBytes = MAP_BYTES_DEFAULT, durability = 'sync', reserveBytes } = options
  const { treeCheckMaxBytes = TREE_CHECK_BYTES_DEFAULT, availableBytes } = options
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw invalid('path', 'must name a directory', path)
  }
  if (
    !Number.isSafeInteger(mapMaxBytes) ||
    mapMaxBytes < MAP_BYTES_MIN ||
    mapMaxBytes > MAP_BYTES_MAX
  ) {
    throw invalid(
      'mapMaxBytes',
      `must be a whole number from ${MAP_BYTES_MIN} to ${MAP_BYTES_MAX}`,
      mapMaxBytes,
    )
  }
  if (durability !== 'sync' && durability !== 'process') {
    throw invalid('durability', "must be 'sync' or 'process'", durability)
  }
  for (const [option, value] of Object.entries({ reserveBytes, treeCheckMaxBytes })) {
    if (value !== undefined && (!Number.isSafeInteger(value) || value < 0)) {
      throw invalid(option, 'must be a whole number of 0 or more', value)
    }
  }
  if (availableBytes !== undefined && typeof availableBytes !== 'function') {
    throw invalid('availableBytes', 'must be a function', availableBytes)
  }
  return Object.freeze({
    path,
    mapMaxBytes,
    durability,
    reserveBytes,
    treeCheckMaxBytes,
    availableBytes,
  })
}

function invalid(option: string, rule: string, value: unknown): SyneviError {
  const message = `cannot open the LMDB store: ${option} ${rule}, not ${String(value)}`
  return new SyneviError('INVALID_ARGUMENT', message, { definite: true, details: { option } })
}
