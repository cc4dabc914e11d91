/**
 * The membership as a node's owner sees it (`protocol.md` 10.6): changes are planned on the open
 * configuration, ordered, and planned anew when another change came first.
 */

import {
  isVoter,
  millis,
  type Answer,
  type Bytes,
  type Configuration,
  type Epoch,
  type Input,
  type MemberEntry,
  type NodeSerial,
  type Notice,
} from '@synevi/accord'
import type { Clock } from '../contract/clock.ts'
import type { Logger } from '../contract/observe.ts'
import type { EventHub } from '../observe/events.ts'
import type { NodeHealth } from '../observe/node-health.ts'
import { quorumOf } from '../observe/status.ts'
import type { MemberSpec } from '../options.ts'
import type { Patience, Settle, Waits } from '../read/waits.ts'
import type { ClusterSettings } from '../state/node-facts.ts'
import { SyneviError, isSyneviError } from '../synevi-error.ts'
import { answerJoiner } from './answer-joiner.ts'
import { ChangeOrders, indefinite } from './change-orders.ts'
import { planAdd, planRemove, planReplace, type Plan } from './plan-change.ts'
import type { Roster } from './roster.ts'

/** Changes that came first, until a caller is told so. */
const OVERTAKEN_MAX = 16
/** Between two attempts while another change is under way. */
const BUSY_PAUSE_MS = 100
/** Attempts until all members must have said what they can. */
const UNSUPPORTED_MAX = 20

/** What membership is made of, and who follows it. */
export interface MembershipParts {
  readonly cluster: Bytes
  readonly settings: ClusterSettings
  readonly roster: Roster
  readonly health: NodeHealth
  readonly logger: Logger
  readonly clock: Clock
  readonly waits: Waits
  readonly feed: (input: Input) => void
  /** Connect to the peers of the roster. */
  readonly reconnect: () => void
  readonly events: EventHub
  /** A member is new, or is what it was not before. */
  readonly changed: (serial: NodeSerial) => void
  /** An epoch opened here. */
  readonly opened: () => void
  /** This node is out, and nobody needs it any more. */
  readonly dismissed: (error: SyneviError) => void
}

/** One for each node. */
export class Membership {
  readonly #parts: MembershipParts
  readonly #orders: ChangeOrders
  readonly #waiting = new Set<Settle<void>>()

  constructor(parts: MembershipParts) {
    this.#parts = parts
    this.#orders = new ChangeOrders(parts)
  }

  /** Resolves once the learner is a member of the epoch that is open here. */
  add(spec: MemberSpec, patience: Patience): Promise<void> {
    return this.#change(() => planAdd(this.#parts.roster, spec), { patience, force: false })
  }

  /** Resolves once the epoch that is open here is without it. */
  remove(id: string, how: { readonly patience: Patience; readonly force: boolean }): Promise<void> {
    return this.#change(() => planRemove(this.#parts.roster, id), how)
  }

  /** Resolves once the newcomer is a learner that is to take the place of the old one. */
  replace(old: string, spec: MemberSpec, patience: Patience): Promise<void> {
    const plan = (): Plan => planReplace(this.#parts.roster, old, spec)
    return this.#change(plan, { patience, force: false })
  }

  /** Holds no feature back any longer: they are used once every member offers them. */
  finishUpgrade(): void {
    this.#parts.feed({ kind: 'offer' })
  }

  /** What `Network.ask` brings. Rejects as {@link answerJoiner} throws. */
  async asked(id: string, question: Bytes): Promise<Bytes> {
    return answerJoiner(this.#parts, id, question)
  }

  /** True when the answer was to a change. */
  answer(answer: Answer): boolean {
    return this.#orders.answer(answer)
  }

  /** What the core says of epochs. */
  notice(notice: Notice): void {
    switch (notice.kind) {
      case 'configuration':
        this.follow(notice.configuration)
        return
      case 'epochFinished':
        if (this.#parts.roster.finished(notice.epoch)) this.#parts.reconnect()
        return
      case 'removed': {
        const { removal } = this.#parts.health
        if (notice.mayStop && removal !== undefined) this.#parts.dismissed(removal)
        return
      }
      default:
    }
  }

  /** A link came or went. */
  link(peer: NodeSerial, up: boolean): void {
    if (this.#parts.roster.linked(peer, up)) this.#parts.reconnect()
  }

  /** Durable here, and open. */
  follow(configuration: Configuration): void {
    const { roster, health, logger } = this.#parts
    if (configuration.epoch <= roster.epoch) return
    const before = new Map(roster.members.map((member) => [member.serial, roster.stateOf(member)]))
    roster.follow(configuration)
    this.#parts.reconnect()
    health.membersChanged()
    const { epoch } = configuration
    logger.info({ epoch, role: roster.role, members: roster.members.length }, 'an epoch opened')
    this.#parts.events.emit('epoch', { epoch })
    for (const member of roster.members) {
      if (before.get(member.serial) !== roster.stateOf(member)) this.#parts.changed(member.serial)
    }
    this.#parts.opened()
    for (const settle of [...this.#waiting]) settle.resolve()
  }

  /** The node failed or closes: nothing is waited for any more. */
  stop(why: SyneviError): void {
    for (const settle of [...this.#waiting]) settle.reject(why)
    this.#orders.stop(why)
  }

  async #change(
    plan: () => Plan,
    { patience, force }: { readonly patience: Patience; readonly force: boolean },
  ): Promise<void> {
    const { roster } = this.#parts
    let unsupported = 0
    for (let overtaken = 0; overtaken < OVERTAKEN_MAX;) {
      const planned = plan()
      if (planned.kind === 'done') return
      if (!force) this.#checkSafe(planned.members)
      const { epoch } = roster
      const { members } = planned
      const ordered = await this.#orders.order({ expectEpoch: epoch, members, force }, patience)
      if (ordered === 'unsupported' && ++unsupported > UNSUPPORTED_MAX) throw tooOld()
      if (ordered === 'busy' || ordered === 'unsupported') {
        await this.#pause(epoch, patience)
      } else if (ordered !== 'again') {
        overtaken++
        await this.#epochAfter(epoch, patience)
      }
    }
    throw new SyneviError('MEMBERSHIP_BUSY', 'other changes of the membership came first', {
      definite: true,
      retryable: true,
    })
  }

  /** Where a voter goes the rest must be able to decide, as far as this node sees. */
  #checkSafe(members: readonly MemberEntry[]): void {
    const { health, roster } = this.#parts
    const voters = members.filter(isVoter)
    if (voters.length >= roster.voters.length) return
    const dead = voters.filter(({ serial }) => health.isSuspected(serial))
    const { needed } = quorumOf(voters.length)
    const reachable = voters.length - dead.length
    if (reachable >= needed) return
    const names = dead.map(({ id }) => id).join(', ')
    throw new SyneviError(
      'MEMBERSHIP_UNSAFE',
      `the change would leave ${reachable} of the ${needed} voters needed: ${names} do not answer`,
      { definite: true },
    )
  }

  /** Until a later epoch is open here, for a moment. Rejects when patience is over. */
  async #pause(epoch: Epoch, patience: Patience): Promise<void> {
    const { clock } = this.#parts
    const what = (): string => 'another change of the membership is under way'
    const soon = millis(clock.now().elapsed + BUSY_PAUSE_MS)
    if (soon >= patience.deadline) return this.#wait({ epoch, patience, what })
    await this.#wait({ epoch, patience: { ...patience, deadline: soon }, what }).catch(
      (error: unknown) => {
        if (!isSyneviError(error, 'TIMEOUT')) throw error
      },
    )
  }

  async #wait(parts: { epoch: Epoch; patience: Patience; what: () => string }): Promise<void> {
    const { roster, waits } = this.#parts
    while (roster.epoch <= parts.epoch) {
      await waits.wait<void>(parts.patience, parts.what, (settle) => {
        this.#waiting.add(settle)
        return () => this.#waiting.delete(settle)
      })
    }
  }

  /** Until a later epoch is open here. The change is on its way: a failure is indefinite. */
  async #epochAfter(epoch: Epoch, patience: Patience): Promise<void> {
    try {
      await this.#wait({ epoch, patience, what: () => `epoch ${epoch} is not over here` })
    } catch (error) {
      throw isSyneviError(error) ? indefinite(error) : error
    }
  }
}

function tooOld(): SyneviError {
  const why = 'a member runs a version that cannot, or was not heard since it started'
  return new SyneviError('INCOMPATIBLE_VERSION', `the membership was not changed: ${why}`, {
    definite: true,
  })
}
