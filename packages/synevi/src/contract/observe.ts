/** What a node tells those who watch it. The core never imports any of it. */

/** One line of a log. Fields never hold payloads or secrets. */
export type Log = (fields: object, message?: string) => void

/** A pino logger fits. */
export interface Logger {
  readonly debug: Log
  readonly info: Log
  readonly warn: Log
  readonly error: Log
  child?(bindings: object): Logger
}

/** Says nothing. */
export const SILENT: Logger = Object.freeze({
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
})

function ignore(): void {}
