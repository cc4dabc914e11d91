/** How a node without a store finds out who it is: it asks the members that it was told of. */

import { millis, type Bytes } from '@synevi/accord'
import type { Clock } from '../contract/clock.ts'
import type { Network } from '../contract/network.ts'
import type { Logger } from '../contract/observe.ts'
import type { Patience } from '../read/waits.ts'
import { SyneviError, isSyneviError } from '../synevi-error.ts'
import { decodeJoinAnswer, encodeJoinQuestion, type JoinAnswer } from './join-codec.ts'

/** Between two rounds of questions. */
const PAUSE_MIN_MS = 50
const PAUSE_MAX_MS = 1_000

/** Who asks whom, and for how long. */
export interface JoinParts {
  readonly id: string
  readonly network: Network
  /** Of members, at least one. */
  readonly addresses: readonly string[]
  readonly clock: Clock
  readonly logger: Logger
  readonly patience: Patience
}

/**
 * Asks one after the other, again and again, until one of them knows this node: an administrator
 * may add it before or after it was started. Rejects, definite: `MEMBERSHIP_UNKNOWN` or `NO_QUORUM`
 * at the deadline (nobody added it; nobody answered), `CANCELLED`, and at once what no later answer
 * can mend: `INCOMPATIBLE_VERSION`, `INVALID_ARGUMENT`.
 */
export async function askToJoin(parts: JoinParts): Promise<JoinAnswer> {
  const { network, clock, logger, patience, id } = parts
  if (network.ask === undefined) {
    const why = 'cannot join: this network has no ask(); start with `members`'
    throw new SyneviError('INVALID_ARGUMENT', why, { definite: true })
  }
  let pauseMs = PAUSE_MIN_MS
  let last: SyneviError | undefined
  for (;;) {
    for (const address of parts.addresses) {
      const answer = await askOne(parts, address, encodeJoinQuestion({ known: undefined }))
      if (!(answer instanceof SyneviError)) return decodeJoinAnswer(answer)
      if (answer.code === 'CANCELLED') throw answer
      if (isHopeless(answer)) throw answer
      if (last?.code !== answer.code)
        logger.info({ address, code: answer.code, why: answer.message }, 'not yet joined')
      if (last?.code !== 'MEMBERSHIP_UNKNOWN' || answer.code === last.code) last = answer
    }
    if (clock.now().elapsed + pauseMs >= patience.deadline) throw tooLate(id, last)
    await pause(clock, pauseMs, patience.signal)
    pauseMs = Math.min(2 * pauseMs, PAUSE_MAX_MS)
  }
}

/** Never rejects. */
async function askOne(
  parts: JoinParts,
  address: string,
  question: Bytes,
): Promise<Bytes | SyneviError> {
  const { network, id, clock, patience } = parts
  const abort = new AbortController()
  const cancel = (): void => abort.abort()
  patience.signal?.addEventListener('abort', cancel, { once: true })
  const late = clock.alarm(patience.deadline, cancel)
  try {
    if (patience.signal?.aborted === true) cancel()
    const pending = network.ask?.(address, question, { id, signal: abort.signal })
    return await (pending ?? new Uint8Array(0))
  } catch (error) {
    if (isSyneviError(error, 'CANCELLED') && patience.signal?.aborted !== true)
      return new SyneviError('NOT_READY', `no answer from ${address} in time`, { definite: true })
    if (isSyneviError(error)) return error
    return new SyneviError('NOT_READY', `no answer from ${address}`, {
      definite: true,
      cause: error,
    })
  } finally {
    late[Symbol.dispose]()
    patience.signal?.removeEventListener('abort', cancel)
  }
}

/** Nothing that the members do later makes another answer of it. */
function isHopeless({ code }: SyneviError): boolean {
  return code === 'INVALID_ARGUMENT' || code === 'INCOMPATIBLE_VERSION'
}

function tooLate(id: string, last: SyneviError | undefined): SyneviError {
  const code = last?.code === 'MEMBERSHIP_UNKNOWN' ? 'MEMBERSHIP_UNKNOWN' : 'NO_QUORUM'
  const why = last?.message ?? 'nobody answered'
  return new SyneviError(code, `node ${id} could not join in time: ${why}`, {
    definite: true,
    retryable: true,
    cause: last,
  })
}

function pause(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = (): void => {
      alarm[Symbol.dispose]()
      reject(new SyneviError('CANCELLED', 'joining was taken back', { definite: true }))
    }
    const alarm = clock.alarm(millis(clock.now().elapsed + ms), () => {
      signal?.removeEventListener('abort', cancel)
      resolve()
    })
    if (signal?.aborted === true) cancel()
    else signal?.addEventListener('abort', cancel, { once: true })
  })
}
