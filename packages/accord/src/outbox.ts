/** What the steps since the last drain want said and done, by when each may be. */

import type { Answer, Execution, Notice, ReadAnswer } from './ready.ts'
import type { Envelope, Message } from './message/message.ts'
import type { NodeSerial } from './time/timestamp.ts'

/** Filled by handlers and rounds, emptied by `drain`. */
export class Outbox {
  send: Envelope[] = []
  sendAfterStore: Envelope[] = []
  execute: Execution[] = []
  answers: Answer[] = []
  /** Given once the writes of this Ready are durable. */
  answersAfterStore: Answer[] = []
  reads: ReadAnswer[] = []
  /** Given once the writes of this Ready are durable. */
  readsAfterStore: ReadAnswer[] = []
  notices: Notice[] = []

  /** For messages that only ask or refuse, or state what is durable already (`protocol.md` 3.3). */
  atOnce(to: NodeSerial, message: Message): void {
    this.send.push({ to, message })
  }

  /** For messages that state a fact: after the writes of this and every earlier step. */
  afterStore(to: NodeSerial, message: Message): void {
    this.sendAfterStore.push({ to, message })
  }

  notice(notice: Notice): void {
    this.notices.push(notice)
  }

  /** Whether a drain would find nothing but what the writes bring. */
  get isEmpty(): boolean {
    return (
      this.send.length === 0 &&
      this.sendAfterStore.length === 0 &&
      this.execute.length === 0 &&
      this.answers.length === 0 &&
      this.answersAfterStore.length === 0 &&
      this.reads.length === 0 &&
      this.readsAfterStore.length === 0 &&
      this.notices.length === 0
    )
  }
}
