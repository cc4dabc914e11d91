/** One question to a node by its address: how a node that is no member yet joins. */

import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { Client, Metadata, status, type ServiceError } from '@grpc/grpc-js'
import { SyneviError, type AskOptions, type Bytes, type SyneviErrorCode } from 'synevi'
import { parseAddress } from './address.ts'
import type { Settings } from './options.ts'
import { PeerCredentials } from './peer-credentials.ts'
import { refusalByPeer } from './refusal.ts'
import { ASK_PATH, asIs, channelOptions, CODE_TRAILER } from './service.ts'
import { handshakeFlaw } from './tls.ts'
import { encodeQuestion, parseReply, PEER_VERSION, QUESTION_MAX_BYTES } from './wire.ts'

/** Whom to ask, as whom. */
export interface AskPeerOptions extends AskOptions {
  /** `host:port`. */
  readonly address: string
  readonly question: Bytes
  readonly settings: Settings
  /** With TLS: ours, and the cluster that the other side must belong to. */
  readonly tls: { readonly context: SecureContext; readonly cluster: Bytes } | undefined
}

/** As `Network.ask`. The connection ends with the question. */
export async function askPeer(options: AskPeerOptions): Promise<Bytes> {
  const { address, question, settings, tls } = options
  if (parseAddress(address) === undefined)
    throw failed('INVALID_ARGUMENT', `cannot ask: not host:port: ${JSON.stringify(address)}`)
  if (question.length > QUESTION_MAX_BYTES)
    throw failed('PAYLOAD_TOO_LARGE', `cannot ask: more than ${QUESTION_MAX_BYTES} bytes`)
  let socket: Socket | undefined
  let handshakeError: unknown
  const credentials = new PeerCredentials({
    context: tls?.context,
    peer: { cluster: tls?.cluster ?? new Uint8Array(16), id: undefined },
    onSocket: (opened) => {
      socket = opened
      opened.on('error', () => undefined)
    },
    onHandshakeError: (error) => {
      handshakeError = error
    },
  })
  const client = new Client(`dns:${address}`, credentials, channelOptions(settings))
  try {
    return await call(client, options, () => handshakeFlaw(handshakeError))
  } finally {
    client.close()
    socket?.destroy()
  }
}

function call(
  client: Client,
  options: AskPeerOptions,
  flawOfHandshake: () => string | undefined,
): Promise<Bytes> {
  const { id, signal, question, settings, address } = options
  const bytes = encodeQuestion({ version: PEER_VERSION, id, body: question })
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + settings.dialTimeoutMs
    const cancel = (): void => pending.cancel()
    const hear = (error: ServiceError | null, answer: Buffer | undefined): void => {
      signal.removeEventListener('abort', cancel)
      if (signal.aborted) return reject(failed('CANCELLED', 'the question was taken back'))
      const flaw = flawOfHandshake()
      if (flaw !== undefined)
        return reject(failed('INVALID_ARGUMENT', `${address} failed the TLS handshake: ${flaw}`))
      if (error !== null) return reject(failureOf(error, address))
      const parsed = parseReply(answer ?? Buffer.alloc(0))
      if (parsed.ok) resolve(Uint8Array.from(parsed.value))
      else reject(failed('INVALID_ARGUMENT', `${address} sent ${parsed.why}`))
    }
    const pending = client.makeUnaryRequest(
      ...([ASK_PATH, asIs, asIs, bytes, new Metadata(), { deadline }] as const),
      hear,
    )
    if (signal.aborted) cancel()
    else signal.addEventListener('abort', cancel, { once: true })
  })
}

function failureOf(error: ServiceError, address: string): SyneviError {
  const code = error.metadata?.get(CODE_TRAILER)[0]
  if (typeof code === 'string') {
    const { code: known, why } = refusalByPeer(code, error.details)
    return failed(known, why)
  }
  if (error.code === status.UNIMPLEMENTED)
    return failed('INCOMPATIBLE_VERSION', `${address} answers no questions`)
  return failed('NOT_READY', `no answer from ${address}: ${error.details}`)
}

function failed(code: SyneviErrorCode, message: string): SyneviError {
  const retryable = code === 'NOT_READY' || code === 'OVERLOADED'
  return new SyneviError(code, message, { definite: true, retryable })
}
