/** The network of a Synevi cluster, on gRPC. */

export { GrpcNetwork } from './grpc-network.ts'
export type { GrpcNetworkOptions, PeerTls, PemSource } from './options.ts'
export { identityUri } from './peer-identity.ts'
