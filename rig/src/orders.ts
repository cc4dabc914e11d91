/** What the rig and its node processes say to each other, over the channel that `fork` opens. */

import type { Micros } from './monotonic.ts'

/** How a node process is to start: its only argument, as JSON. */
export interface MemberPlan {
  readonly id: string
  readonly serial: number
  /** Every member, this one among them: the same list everywhere. */
  readonly members: readonly {
    readonly id: string
    readonly serial: number
    readonly address: string
  }[]
  /** Addresses to join through, instead of that list. */
  readonly join?: readonly string[]
  /** How long a learner must have been caught up before it gets a vote. Default that of a node. */
  readonly promoteAfterMs?: number
  /** Pairs of serial and address: what it dials instead. */
  readonly dial: readonly (readonly [number, string])[]
  /** Its data directory. */
  readonly path: string
  /** Added to the wall clock. Default 0. */
  readonly clockAheadMs?: number
  /** The node process of another version. Default this one's. */
  readonly program?: string | undefined
  /** Default that of a node. */
  readonly features?: 'hold' | undefined
  /** Deadline of its start. Default that of a node. */
  readonly joinMs?: number
  /** Its executors come to other results. Default false. */
  readonly isSkewed?: boolean
  /** Of its store. Default `sync`. */
  readonly durability?: 'sync' | 'process'
  /** Of its store: free space that it keeps. Default that of the store. */
  readonly reserveBytes?: number
  /** Default false: only what happens rarely is told, not every decision. */
  readonly tellsAll?: boolean
}

/** What a node is asked for; `call` names the answer. */
export type Order = { readonly call: number } & (
  | {
      readonly kind: 'submit'
      readonly name: string
      readonly payload: Uint8Array
      readonly id: string
      readonly timeoutMs: number
    }
  | {
      readonly kind: 'read'
      readonly name: string
      readonly payload: Uint8Array
      readonly consistency: 'linearizable' | 'local' | { readonly atLeast: bigint }
      readonly timeoutMs: number
    }
  | { readonly kind: 'barrier'; readonly timeoutMs: number }
  | { readonly kind: 'condition' }
  | { readonly kind: 'log'; readonly after: bigint }
  | { readonly kind: 'verify' }
  /** Whether its executors come to other results, from now on. */
  | { readonly kind: 'skew'; readonly isSkewed: boolean }
  /** Its state is replaced by that of a peer. */
  | { readonly kind: 'repair'; readonly timeoutMs: number }
  | { readonly kind: 'finishUpgrade' }
  /** A change of the membership. */
  | {
      readonly kind: 'change'
      readonly change: MemberChange
      readonly timeoutMs: number
    }
  | { readonly kind: 'members' }
  | { readonly kind: 'close' }
)

/** A member as changes name it. */
export interface NamedMember {
  readonly id: string
  readonly serial: number
  readonly address: string
}

/** Who comes, who goes. */
export type MemberChange =
  | { readonly kind: 'add'; readonly member: NamedMember }
  | { readonly kind: 'remove'; readonly id: string }
  | { readonly kind: 'replace'; readonly old: string; readonly member: NamedMember }

/** The membership as a node knows it. */
export interface Membership {
  readonly epoch: number
  readonly members: readonly { readonly serial: number; readonly role: string }[]
}

/** An order without its number. */
export type Question = Order extends infer Each
  ? Each extends { readonly call: number }
    ? Omit<Each, 'call'>
    : never
  : never

/** A failure of a node, as plain values. */
export interface Failure {
  /** `SyneviError`'s, or `UNKNOWN` for anything else. */
  readonly code: string
  readonly message: string
  readonly definite: boolean
}

/** An entry of a node's log. */
export interface LogLine {
  readonly position: bigint
  readonly executeAt: bigint
  readonly id: string
  readonly name: string
  readonly ok: boolean
  readonly payload: Uint8Array
  /** Of all outcomes so far, hexadecimal. */
  readonly executionHash: string
}

/** How a node stands. */
export interface Condition {
  readonly phase: string
  /** One sentence, when that is not `ready`. */
  readonly reason?: string
  /** Those in use; a node of 0.1.0 does not say. */
  readonly features?: readonly string[]
  readonly position: bigint
  /** Head of the hash chain, hexadecimal. */
  readonly hash: string
  readonly inFlight: number
  readonly queued: number
  readonly undecided: number
  /** Decisions since it started. */
  readonly counters: { readonly fast: bigint; readonly slow: bigint; readonly recovered: bigint }
  readonly rejectedFrames: bigint
  readonly rejectedMessages: bigint
  /** Members it does not suspect, itself among them. */
  readonly reachable: number
}

/** The answer to an order. */
export type Answer =
  | { readonly kind: 'failed'; readonly failure: Failure }
  | {
      readonly kind: 'submitted'
      readonly ok: boolean
      readonly value: Uint8Array
      readonly position: bigint
      readonly duplicate: boolean
    }
  | { readonly kind: 'value'; readonly value: Uint8Array }
  | { readonly kind: 'position'; readonly position: bigint }
  | { readonly kind: 'condition'; readonly condition: Condition }
  | { readonly kind: 'members'; readonly membership: Membership }
  | {
      readonly kind: 'log'
      readonly entries: readonly LogLine[]
      /** Entries up to here are not kept, though they were asked for; 0 when all are. */
      readonly base: bigint
      readonly last: bigint
    }
  | {
      readonly kind: 'verified'
      readonly ok: boolean
      readonly why: string
      readonly digest: string
    }

/** What a node process says unasked, or in answer. */
export type Reply =
  /** Peers can reach it there. */
  | { readonly kind: 'listening'; readonly address: string }
  | { readonly kind: 'ready' }
  /** It did not open, or had to stop; the process ends. */
  | { readonly kind: 'stopped'; readonly failure: Failure }
  | { readonly kind: 'answer'; readonly call: number; readonly answer: Answer }
  | { readonly kind: 'events'; readonly events: readonly MemberEvent[] }

/** Something that happened inside, for timelines. */
export interface MemberEvent {
  /** The clock of {@link Micros} is the same in all processes of a machine. */
  readonly at: Micros
  readonly what: string
}
