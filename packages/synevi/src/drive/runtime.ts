/** The parts of an open node, and what passes between them. `Node` is its public face. */

import {
  DEFAULT_KEYS,
  nodeOf,
  type Execution,
  type NodeSerial,
  type Notice,
  type TxnId,
  type Write,
} from '@synevi/accord'
import { Batcher } from '../batcher.ts'
import type { AppliedEntry } from '../chain/chained-entries.ts'
import { ulidBytes } from '../identifier.ts'
import { Belonging } from '../membership/belonging.ts'
import { Membership } from '../membership/membership.ts'
import { AppliedEvents } from '../observe/applied-events.ts'
import { Channel, type TraceContext } from '../observe/channels.ts'
import { EventHub } from '../observe/events.ts'
import { NodeHealth } from '../observe/node-health.ts'
import { SlowExecutions } from '../observe/slow-executions.ts'
import { membersReport, statusReport, type ReportParts } from '../observe/status-report.ts'
import type { Member, NodeStatus } from '../observe/status.ts'
import { NodeTelemetry } from '../observe/telemetry.ts'
import type { ParsedOptions } from '../options.ts'
import { AppliedFeed } from '../read/applied-feed.ts'
import { LinearizableReads } from '../read/linearizable-reads.ts'
import { Waits, type Patience } from '../read/waits.ts'
import type { Request } from '../request.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { AppliedHead } from '../state/node-facts.ts'
import type { SyneviError } from '../synevi-error.ts'
import { drained } from './drained.ts'
import { Driver } from './driver.ts'
import type { LaneResult } from './execution-lane.ts'
import { ExecutionTrace } from './execution-trace.ts'
import { Opening } from './opening.ts'
import type { OpenedReplica } from './open-replica.ts'
import type { RequestOutcome } from './outcome.ts'
import { OwnTransactions } from './own-transactions.ts'
import { PeerTraffic } from './peer-traffic.ts'
import { Readiness } from './readiness.ts'
import {
  brokenError,
  closedError,
  divergedError,
  divergedEvent,
  fatalError,
} from './stop-reasons.ts'

const PAGE_ENTRIES = 256

/** One open node. Everything that happens in it passes here once. */
export class Runtime {
  readonly options: ParsedOptions
  readonly opened: OpenedReplica
  readonly health: NodeHealth
  readonly events: EventHub
  readonly telemetry: NodeTelemetry
  readonly waits: Waits
  readonly linearizable: LinearizableReads
  readonly feed: AppliedFeed<AppliedEntry>
  readonly membership: Membership
  readonly #belonging: Belonging
  readonly #random: SeededRandom
  readonly #traffic: PeerTraffic
  readonly #driver: Driver
  readonly #batcher: Batcher
  readonly #own: OwnTransactions
  readonly #slow: SlowExecutions
  readonly #appliedEvents: AppliedEvents
  readonly #readiness: Readiness
  readonly #opening: Opening
  readonly #executions = new ExecutionTrace()
  readonly #recoverChannel = new Channel('synevi:recover')
  readonly #writeChannel = new Channel('synevi:store.write')
  /** Durable here. */
  #applied: AppliedHead

  constructor(options: ParsedOptions, opened: OpenedReplica, random: SeededRandom) {
    const { clock, logger } = options
    const { durable, state } = opened
    this.options = options
    this.opened = opened
    this.#random = random
    this.#applied = state.applied
    this.events = new EventHub(logger)
    this.telemetry = new NodeTelemetry(options.telemetry)
    this.waits = new Waits(clock)
    this.health = this.#makeHealth()
    this.#traffic = this.#makeTraffic()
    this.#driver = this.#makeDriver()
    this.membership = this.#makeMembership()
    this.#belonging = new Belonging({
      ...{ options, opened, health: this.health },
      removed: (error) => this.#fail(error),
    })
    this.#batcher = this.#makeBatcher()
    this.#own = new OwnTransactions({
      batcher: this.#batcher,
      remembered: (id) => state.remembered(id),
    })
    this.#slow = new SlowExecutions(clock, (event) => {
      logger.warn(event, 'a slow execution')
      this.events.emit('slow', event)
    })
    this.#appliedEvents = new AppliedEvents(this.events)
    const position = (): bigint => this.#applied.watermark.position
    this.#readiness = new Readiness({
      durable,
      position,
      target: () => this.health.targetPosition(),
      isVoter: () => opened.roster.role === 'voter',
    })
    this.#opening = new Opening({
      ...{ readiness: this.#readiness, health: this.health, waits: this.waits },
      ready: () => this.events.emit('ready', this.status()),
    })
    this.linearizable = new LinearizableReads({
      ...{ clock, waits: this.waits, freshId: () => this.freshId() },
      feed: (input) => this.#driver.feed(input),
      submit: (request, patience) => this.#batcher.add(request, patience),
      suspicion: () => this.health.suspicion(),
    })
    this.feed = new AppliedFeed<AppliedEntry>({
      ...{ waits: this.waits, position },
      page: (after) => state.appliedPage(after, PAGE_ENTRIES),
      positionOf: (entry) => entry.position,
    })
  }

  /** Durable here. */
  get applied(): AppliedHead {
    return this.#applied
  }

  /**
   * Reaches for the peers; resolves when ready. Rejects with `NO_QUORUM`, `SERIAL_TAKEN`,
   * `TIMEOUT`, `CANCELLED`, or why it failed.
   */
  async start(patience: Patience): Promise<void> {
    await this.#traffic.start()
    const { advertised } = this.options.network
    if (advertised !== undefined) this.opened.roster.listensAt(advertised)
    await this.#opening.wait(patience, () => {
      this.#driver.start()
      this.#belonging.start()
    })
  }

  /** Orders a request. See {@link Batcher.add}. */
  submit(request: Request, patience: Patience): Promise<RequestOutcome> {
    this.health.counters.submitted++
    return this.#batcher.add(request, patience)
  }

  /** 16 bytes for a request whose caller names none: a ULID. */
  freshId(): Uint8Array {
    const wallMs = Number(this.options.clock.now().wall / 1_000_000n)
    return ulidBytes(wallMs, this.#random.bytes(10))
  }

  status(): NodeStatus {
    const rejectedFrames = this.#traffic.refusedCount
    return statusReport({ ...this.#report(), requests: this.#batcher.counts(), rejectedFrames })
  }

  members(): readonly Member[] {
    return membersReport(this.#report())
  }

  /**
   * Carries on what was taken in for at most `drainMs`, then ends. Never rejects: what fails is
   * logged.
   */
  async close(drainMs: number): Promise<void> {
    if (this.health.failure === undefined) {
      this.health.closing()
      this.#batcher.refuseWith(() => closedError(true))
      await drained([this.#batcher.idle(), this.linearizable.idle()], { ...this.options, drainMs })
      this.#batcher.stop(closedError)
    }
    this.linearizable.stop(closedError(true))
    this.#endWaits('closed', closedError(true))
    await this.#driver.close()
    this.waits.close()
    await this.#traffic.close()
    await this.opened.store.close().catch((error: unknown) => {
      this.options.logger.error({ error: String(error) }, 'the store did not close')
    })
    this.health.closed()
  }

  /** Stops for good: everything that waits is told, nothing more is sent, answered or written. */
  #fail(error: SyneviError): void {
    if (this.health.failure !== undefined) return
    const { logger, onFatal } = this.options
    logger.error(
      { code: error.code, error: error.message, cause: String(error.cause) },
      'this node stopped',
    )
    void this.#driver.close()
    this.health.fail(error)
    this.#stopCallers(error)
    this.#endWaits('failed', error)
    void this.#traffic.close()
    this.events.emit('fatal', error)
    this.#tell('onFatal', () => onFatal(error))
  }

  #endWaits(how: 'closed' | 'failed', error: SyneviError): void {
    this.#slow.close()
    this.#belonging.close()
    this.membership.stop(error)
    this.feed.end(how, error)
    this.#opening.fail(error)
  }

  #report(): ReportParts {
    const { opened, health, options } = this
    const replica = opened.replica.status(options.clock.now())
    return { opened, health, applied: this.#applied, replica }
  }

  #makeHealth(): NodeHealth {
    const { clock, logger, timeouts } = this.options
    const { store } = this.opened
    return new NodeHealth({
      ...{ clock, logger, roster: this.opened.roster },
      peerSilentMs: timeouts.peerSilentMs,
      hasRoom: () => store.hasRoom?.() ?? true,
      changed: () => {
        const status = this.status()
        logger.info({ phase: status.phase, reason: status.reason }, 'phase')
        this.events.emit('phase', status)
      },
    })
  }

  #makeTraffic(): PeerTraffic {
    return new PeerTraffic({
      ...{ options: this.options, opened: this.opened, health: this.health },
      receive: (from, messages) => {
        this.health.heard(from, messages)
        this.#driver.feedAll(messages.map((message) => ({ kind: 'receive', from, message })))
        this.#opening.check()
      },
      link: (peer, up) => {
        this.#driver.feed({ kind: 'link', peer, up })
        this.membership.link(peer, up)
      },
      refused: (peer, code) => this.#belonging.refused(peer, code),
      asked: (id, question) => this.membership.asked(id, question),
    })
  }

  #makeMembership(): Membership {
    const { cluster, roster, state } = this.opened
    return new Membership({
      ...{ cluster, roster, settings: state.settings, waits: this.waits },
      ...{ health: this.health, logger: this.options.logger, events: this.events },
      feed: (input) => this.#driver.feed(input),
      reconnect: () => this.#traffic.follow(),
      changed: (serial) => this.#memberChanged(serial),
      opened: () => this.#opening.check(),
      dismissed: (error) => this.#fail(error),
    })
  }

  #makeDriver(): Driver {
    const { clock, self } = this.options
    const { store } = this.opened
    return new Driver({
      ...{ clock, replica: this.opened.replica },
      post: (envelopes) => this.#traffic.post(envelopes),
      encode: (writes) => this.opened.state.encode(writes),
      write: (batch) =>
        this.#writeChannel.trace(
          () => ({ node: self.id, mutationCount: batch.length }),
          () => store.write(batch),
        ),
      run: (execution) => this.#run(execution),
      answer: (answer) => this.membership.answer(answer) || this.#own.answer(answer),
      read: (answer) => this.linearizable.answer(answer),
      notice: (notice) => this.#notice(notice),
      stored: (writes) => this.#stored(writes),
      failed: (error) => this.#fail(brokenError(error)),
    })
  }

  #makeBatcher(): Batcher {
    const { clock, limits, batch } = this.options
    return new Batcher({
      ...{ clock, limits, batch, random: this.#random },
      submit: (submission, payload) => {
        this.#driver.feed({ kind: 'submit', submission, keys: DEFAULT_KEYS, payload })
      },
      suspicion: () => this.health.suspicion(),
    })
  }

  #run(execution: Execution): LaneResult | Promise<LaneResult> {
    const run = (): LaneResult | Promise<LaneResult> => this.opened.lane.run(execution)
    return this.#slow.run(
      execution,
      this.#executions.of(run, () => this.#contextOf(execution.id)),
      ({ result, ms }) => {
        if (result.kind === 'blocked') this.health.blocked(result.why)
        else {
          this.#own.executed(execution.id, result.executed.outcomes)
          this.#appliedEvents.executed(execution, result.executed.outcomes, ms)
        }
        return result
      },
    )
  }

  #stored(writes: readonly Write[]): void {
    let hasApplied = false
    for (const write of writes) {
      if (write.kind !== 'applied') continue
      hasApplied = true
      this.opened.lane.stored(write.record.id)
      this.#readiness.applied(write.record.id)
    }
    if (!hasApplied) return
    this.#applied = this.opened.state.applied
    for (const write of writes)
      if (write.kind === 'applied') this.#appliedEvents.stored(write.record.id)
    this.feed.advance()
    this.#opening.check()
  }

  #notice(notice: Notice): void {
    this.health.notice(notice)
    this.membership.notice(notice)
    switch (notice.kind) {
      case 'submitted':
        this.#own.began(notice.id, notice.submission)
        break
      case 'decided':
        this.#own.decided(notice.id)
        this.telemetry.decided(notice.path)
        if (notice.path === 'recovered' && nodeOf(notice.id) !== this.opened.serial) {
          this.events.emit('recovered', { txnId: notice.id, by: this.opened.serial })
        }
        break
      case 'invalidated':
        this.telemetry.decided('invalidated')
        break
      case 'recovering':
        this.#recoverChannel.mark(() => this.#contextOf(notice.id))
        break
      case 'admitted':
        this.#readiness.admitted()
        this.#opening.check()
        break
      case 'suspected':
        this.#memberChanged(notice.peer)
        break
      case 'diverged':
        this.#diverged(notice)
        break
      case 'fatal':
        this.#fail(fatalError(notice.code, notice.why))
        break
      default:
    }
    this.#tell('onNotice', () => this.options.onNotice(notice))
  }

  #contextOf(id: TxnId): TraceContext {
    return { node: this.options.self.id, txnId: id.toString(16) }
  }

  #tell(name: string, call: () => void): void {
    try {
      call()
    } catch (error) {
      this.options.logger.error({ error: String(error) }, `${name} threw`)
    }
  }

  #stopCallers(error: SyneviError): void {
    this.#batcher.stop(() => error)
    this.linearizable.stop(error)
    this.feed.end('failed', error)
  }

  #memberChanged(serial: NodeSerial): void {
    const member = this.members().find((one) => one.serial === serial)
    if (member !== undefined) this.events.emit('member', member)
  }

  #diverged(notice: Notice & { kind: 'diverged' }): void {
    const error = divergedError(notice.position)
    this.#stopCallers(error)
    this.events.emit('diverged', divergedEvent(notice))
  }
}
