/**
 * The embedder's logger as a node uses it: each line names the node, and a logger that throws harms
 * nobody.
 */

import type { Log, Logger } from '../contract/observe.ts'

/** Adds `bindings` to the fields of each line. */
export function nodeLogger(logger: Logger, bindings: Readonly<Record<string, unknown>>): Logger {
  const bound = (level: 'debug' | 'info' | 'warn' | 'error'): Log => {
    return (fields, message) => {
      try {
        logger[level]({ ...bindings, ...fields }, message)
      } catch {
        // There is nowhere left to say it.
      }
    }
  }
  return { debug: bound('debug'), info: bound('info'), warn: bound('warn'), error: bound('error') }
}
