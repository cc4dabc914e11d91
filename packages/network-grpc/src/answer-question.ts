/** The answering half of `Ask`: who asks is checked, then the node answers, or refuses. */

import { Metadata, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js'
import { isSyneviError, type Bytes, type NetworkSelf } from 'synevi'
import { identityFlaw, type CertificateNames } from './peer-identity.ts'
import { refusal, type Refusal } from './refusal.ts'
import { CODE_TRAILER } from './service.ts'
import { encodeReply, parseQuestion, PEER_VERSION } from './wire.ts'

/** What a question is judged by, and who answers it. */
export interface QuestionHost {
  readonly self: NetworkSelf
  /** Whether both sides show certificates. */
  readonly isSecure: boolean
  /** Undefined: this node answers no questions. */
  readonly answer: ((id: string, question: Bytes) => Promise<Bytes>) | undefined
  readonly refused: (refusal: Refusal, remote: string) => void
  /** The answer is on its way: the connection has no use left. */
  readonly finished: (remote: string) => void
}

/** Answers once, whatever comes. Never throws. */
export async function answerQuestion(
  call: ServerUnaryCall<Buffer, Buffer>,
  reply: sendUnaryData<Buffer>,
  host: QuestionHost,
): Promise<void> {
  const remote = call.getPeer()
  try {
    const judged = judge(call.request, call.getAuthContext().sslPeerCertificate, host)
    if ('refusal' in judged) {
      host.refused(judged.refusal, remote)
      refuse(reply, judged.refusal.code, judged.refusal.why)
    } else if (host.answer === undefined) {
      refuse(reply, 'NOT_READY', 'this node answers no questions yet')
    } else {
      reply(null, encodeReply(await host.answer(judged.id, judged.body)))
    }
  } catch (error) {
    if (isSyneviError(error)) refuse(reply, error.code, error.message)
    else refuse(reply, 'NOT_READY', 'this node could not answer')
  } finally {
    host.finished(remote)
  }
}

function judge(
  request: Buffer,
  certificate: CertificateNames | undefined,
  { self, isSecure }: QuestionHost,
): { readonly refusal: Refusal } | { readonly id: string; readonly body: Bytes } {
  const parsed = parseQuestion(request)
  if (!parsed.ok) return { refusal: refusal('garbage', `a question port heard ${parsed.why}`) }
  const { version, id, body } = parsed.value
  if (version !== PEER_VERSION) {
    const why = `a node that asks speaks peer protocol ${version}, this node ${PEER_VERSION}`
    return { refusal: refusal('version', why) }
  }
  if (isSecure) {
    const flaw = identityFlaw(certificate, { cluster: self.cluster, id })
    if (flaw !== undefined) return { refusal: refusal('certificate', `a node that asks: ${flaw}`) }
  }
  return { id, body: Uint8Array.from(body) }
}

function refuse(reply: sendUnaryData<Buffer>, code: string, details: string): void {
  const metadata = new Metadata()
  metadata.set(CODE_TRAILER, code)
  reply({ code: status.FAILED_PRECONDITION, details, metadata })
}
