/**
 * The connection below an outgoing stream. grpc-js hands out neither its socket nor the reason of a
 * failed handshake, and both are needed: to close at once when the other side no longer answers,
 * and to tell a wrong certificate from a lost connection. Its credentials are the one place that
 * sees the socket, so we bring our own.
 *
 * The methods with an underscore are abstract in grpc-js' published types and are called once a
 * channel; the version is pinned exactly, and every test of this package passes through here.
 */

import type { Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { CallCredentials, ChannelCredentials } from '@grpc/grpc-js'
import type { ExpectedIdentity } from './peer-identity.ts'
import { connectSecurely } from './tls.ts'

type SecureConnector = ReturnType<ChannelCredentials['_createSecureConnector']>

/** For one attempt to connect. */
export interface PeerCredentialsOptions {
  /** Undefined: in the clear. */
  readonly context: SecureContext | undefined
  readonly peer: ExpectedIdentity
  /** A TCP connection stands; TLS, if any, has yet to begin. */
  readonly onSocket: (socket: Socket) => void
  readonly onHandshakeError: (error: unknown) => void
}

/** In the clear, or TLS 1.3 with both certificates checked. */
export class PeerCredentials extends ChannelCredentials {
  readonly #options: PeerCredentialsOptions

  constructor(options: PeerCredentialsOptions) {
    super()
    this.#options = options
  }

  override _isSecure(): boolean {
    return this.#options.context !== undefined
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other
  }

  override _createSecureConnector(): SecureConnector {
    const { context, peer, onSocket, onHandshakeError } = this.#options
    const nobody = CallCredentials.createEmpty()
    return {
      connect: async (socket) => {
        onSocket(socket)
        if (context === undefined) return { socket, secure: false }
        try {
          const secure = await connectSecurely({ socket, context, peer })
          return { socket: secure, secure: true }
        } catch (error) {
          onHandshakeError(error)
          throw error
        }
      },
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => nobody,
      destroy: () => undefined,
    }
  }
}
