/** Where backups are: a directory, or whatever else holds a few large files. */

import type { Bytes } from '@synevi/accord'

/** The place of one backup. */
export interface BackupPlace {
  /** For messages. */
  readonly name: string
  /** A backup to be written here. Rejects with `INVALID_ARGUMENT` where something is already. */
  begin(): Promise<BackupDraft>
  /** The bytes of a file in order, in pieces that are the reader's. Throws anything. */
  read(file: string): AsyncIterable<Bytes>
}

/** A backup that nobody sees yet. Files are written one after the other; rejects with anything. */
export interface BackupDraft {
  create(file: string): Promise<BackupSink>
  /** All of it is there, durably, under its name. */
  publish(): Promise<void>
  /** Instead: nothing of it is left, as far as that is possible. Never rejects. */
  discard(): Promise<void>
}

/** One file of a draft. */
export interface BackupSink {
  /** Appends; the bytes may be used again once it resolves. */
  write(bytes: Bytes): Promise<void>
  /** Durable when it resolves. */
  close(): Promise<void>
}
