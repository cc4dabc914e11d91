/** Whether a hello is let in: all rules in one place, in the order in which they are told. */

import type { Bytes, NetworkSelf, PeerAddress } from 'synevi'
import { identityFlaw, type CertificateNames } from './peer-identity.ts'
import { refusal, type Refusal } from './refusal.ts'
import { PEER_VERSION, type Hello } from './wire.ts'

/** What the listener knows when a hello arrives. */
export interface HelloContext {
  readonly self: NetworkSelf
  readonly instance: Bytes
  /** By serial. Undefined until the first `connect`. */
  readonly peers: ReadonlyMap<number, PeerAddress> | undefined
  /** The SAN of the certificate that the other side proved to hold. Undefined without TLS. */
  readonly certificate: CertificateNames | undefined
  /** The process that speaks for that serial at present, if it was heard from lately. */
  readonly aliveInstance: (serial: number) => Bytes | undefined
}

/** What became of a hello. */
export type Judged =
  | { readonly kind: 'accepted'; readonly peer: PeerAddress }
  | { readonly kind: 'refused'; readonly refusal: Refusal }

/** Never throws. */
export function judgeHello(hello: Hello, context: HelloContext): Judged {
  const refused = refusalOf(hello, context)
  if (refused !== undefined) return { kind: 'refused', refusal: refused }
  const peer = context.peers?.get(hello.serial)
  if (peer === undefined) return { kind: 'refused', refusal: notMember(hello) }
  return { kind: 'accepted', peer }
}

function refusalOf(hello: Hello, context: HelloContext): Refusal | undefined {
  const { self, peers } = context
  if (hello.version !== PEER_VERSION) {
    const why = `${nameOf(hello)} speaks peer protocol ${hello.version}, this node ${PEER_VERSION}`
    return refusal('version', why)
  }
  if (!equal(hello.cluster, self.cluster)) {
    return refusal(
      'cluster',
      `${nameOf(hello)} belongs to cluster ${hex(hello.cluster)}, not ${hex(self.cluster)}`,
    )
  }
  if (context.certificate !== undefined) {
    const flaw = identityFlaw(context.certificate, { cluster: self.cluster, id: hello.id })
    if (flaw !== undefined) return refusal('certificate', `${nameOf(hello)}: ${flaw}`)
  }
  return (
    refusalOfTarget(hello, context) ??
    (peers === undefined ? NOT_READY : refusalOfMember(hello, context))
  )
}

const NOT_READY: Refusal = refusal('notReady', 'this node does not know its peers yet: dial again')

function refusalOfTarget(hello: Hello, { self, instance }: HelloContext): Refusal | undefined {
  if (equal(hello.instance, instance)) {
    return refusal(
      'wrongTarget',
      `node ${self.id} dialed itself where it expected ${targetOf(hello)}`,
    )
  }
  if (hello.targetSerial !== self.serial || hello.targetId !== self.id) {
    const reached = `node ${self.id}, serial ${self.serial}`
    const why = `${nameOf(hello)} dialed ${targetOf(hello)} and reached ${reached}`
    return refusal('wrongTarget', why)
  }
  if (hello.serial === self.serial) {
    return refusal('serialTaken', `${nameOf(hello)} uses the serial of this node, ${self.id}`)
  }
  return undefined
}

function refusalOfMember(hello: Hello, context: HelloContext): Refusal | undefined {
  const peer = context.peers?.get(hello.serial)
  if (peer === undefined) return notMember(hello)
  if (peer.id !== hello.id) {
    return refusal('serialTaken', `${nameOf(hello)} uses the serial of node ${peer.id}`)
  }
  const alive = context.aliveInstance(hello.serial)
  if (alive !== undefined && !equal(alive, hello.instance)) {
    const why = `a second process calls itself ${nameOf(hello)} while the first is still heard from`
    return refusal('serialTaken', why)
  }
  return undefined
}

function notMember(hello: Hello): Refusal {
  return refusal('notMember', `${nameOf(hello)} is not among the peers of this node`)
}

function nameOf(hello: Hello): string {
  return `node ${printable(hello.id)}, serial ${hello.serial},`
}

function targetOf(hello: Hello): string {
  return `node ${printable(hello.targetId)}, serial ${hello.targetSerial},`
}

/** Ids come from outside and end in a log. */
function printable(id: string): string {
  return id.slice(0, 64).replaceAll(/[^\x21-\x7e]/g, '?')
}

function hex(bytes: Bytes): string {
  return Buffer.from(bytes).toString('hex')
}

function equal(left: Bytes, right: Bytes): boolean {
  return Buffer.compare(left, right) === 0
}
