/**
 * The gRPC service of `proto/synevi/v1/peer.proto`. Messages stay bytes here: `wire.ts` reads and
 * writes them.
 */

import type { ServiceDefinition } from '@grpc/grpc-js'
import type { Settings } from './options.ts'
import { FRAME_OVERHEAD_BYTES } from './wire.ts'

/** The stream between members. */
export const EXCHANGE_PATH = '/synevi.v1.Peer/Exchange'

/** How a node asks that is no member yet. */
export const ASK_PATH = '/synevi.v1.Peer/Ask'

/** The trailer that carries the code of a refusal. */
export const CODE_TRAILER = 'synevi-code'

/** Both directions: the bytes as they are. */
export function asIs(message: Buffer): Buffer {
  return message
}

/** For `Server.addService`. */
export const PEER_SERVICE: ServiceDefinition = {
  Exchange: {
    path: EXCHANGE_PATH,
    requestStream: true,
    responseStream: true,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  },
  Ask: {
    path: ASK_PATH,
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  },
}

/**
 * The options that client and server share. Sizes are set because grpc-js refuses messages above 4
 * MiB by default; everything that would read the environment, the DNS for a configuration, or keep
 * statistics in the process is off.
 */
export function channelOptions(settings: Settings): Readonly<Record<string, number>> {
  const messageMaxBytes = settings.frameMaxBytes + FRAME_OVERHEAD_BYTES
  return {
    'grpc.max_send_message_length': messageMaxBytes,
    'grpc.max_receive_message_length': messageMaxBytes,
    'grpc.keepalive_time_ms': settings.keepalive.everyMs,
    'grpc.keepalive_timeout_ms': settings.keepalive.timeoutMs,
    'grpc.enable_channelz': 0,
    'grpc.enable_retries': 0,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.use_local_subchannel_pool': 1,
  }
}
