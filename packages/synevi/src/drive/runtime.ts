/** The parts of an open node, and what passes between them. `Node` is its public face. */

import { DEFAULT_KEYS, type Write } from '@synevi/accord'
import { Batcher } from '../batcher.ts'
import type { AppliedEntry } from '../chain/chained-entries.ts'
import { ulidBytes } from '../identifier.ts'
import { Belonging } from '../membership/belonging.ts'
import { Membership } from '../membership/membership.ts'
import { EventHub } from '../observe/events.ts'
import { NodeHealth } from '../observe/node-health.ts'
import { membersReport, statusReport, type ReportParts } from '../observe/status-report.ts'
import type { Member, NodeStatus } from '../observe/status.ts'
import { NodeTelemetry } from '../observe/telemetry.ts'
import type { ParsedOptions } from '../options.ts'
import { AppliedFeed } from '../read/applied-feed.ts'
import { LinearizableReads } from '../read/linearizable-reads.ts'
import { OpenQueries } from '../read/open-queries.ts'
import { Waits, type Patience } from '../read/waits.ts'
import { damageControlOf, type DamageControl } from '../repair/damage-control.ts'
import type { Request } from '../request.ts'
import type { SeededRandom } from '../seeded-random.ts'
import type { FetchEnd } from '../snapshot/fetch-end.ts'
import type { Manifest } from '../snapshot/manifest.ts'
import type { AppliedHead } from '../state/node-facts.ts'
import type { SyneviError } from '../synevi-error.ts'
import { drained } from './drained.ts'
import { Driver, WriteFailure } from './driver.ts'
import { Executions } from './executions.ts'
import { installSnapshot } from './install-snapshot.ts'
import { Notices } from './notices.ts'
import { Opening } from './opening.ts'
import type { OpenedReplica } from './open-replica.ts'
import type { RequestOutcome } from './outcome.ts'
import { OwnTransactions } from './own-transactions.ts'
import { PeerTraffic } from './peer-traffic.ts'
import { Readiness } from './readiness.ts'
import { Restart } from './restart.ts'
import { Snapshots } from './snapshots.ts'
import { brokenError, closedError } from './stop-reasons.ts'
import { tracedWrite } from './traced-write.ts'
import { WriteQueue } from './write-queue.ts'

const PAGE_ENTRIES = 256
/** One open node. Everything that happens in it passes here once. */
export class Runtime {
  readonly options: ParsedOptions
  readonly health: NodeHealth
  readonly events: EventHub
  readonly telemetry: NodeTelemetry
  readonly waits: Waits
  readonly linearizable: LinearizableReads
  readonly feed: AppliedFeed<AppliedEntry>
  readonly queries: OpenQueries
  readonly membership: Membership
  readonly damage: DamageControl
  readonly #belonging: Belonging
  readonly #random: SeededRandom
  readonly #traffic: PeerTraffic
  readonly #writes: WriteQueue
  readonly snapshots: Snapshots
  readonly restart: Restart = new Restart((input) => this.#driver.feed(input))
  #opened: OpenedReplica
  #driver: Driver
  readonly #batcher: Batcher
  readonly #own: OwnTransactions
  readonly #executions: Executions
  readonly #notices: Notices
  readonly #opening: Opening
  /** Durable here. */
  #applied: AppliedHead

  constructor(options: ParsedOptions, opened: OpenedReplica, random: SeededRandom) {
    const { clock, logger } = options
    this.options = options
    this.#opened = opened
    this.#writes = new WriteQueue(opened.store)
    this.#random = random
    this.#applied = opened.state.applied
    this.events = new EventHub(logger)
    this.telemetry = new NodeTelemetry(options.telemetry)
    this.waits = new Waits(clock)
    this.queries = new OpenQueries(clock)
    this.health = this.#makeHealth()
    this.#traffic = this.#makeTraffic()
    this.#driver = this.#makeDriver()
    this.membership = this.#makeMembership()
    this.damage = damageControlOf(this, {
      post: (envelopes) => this.#traffic.post(envelopes),
      distrusted: (error) => this.#stopCallers(error),
      failed: (error) => this.#fail(brokenError(error)),
    })
    this.#belonging = new Belonging({
      ...{ options, opened, health: this.health },
      removed: (error) => this.#fail(error),
    })
    this.#batcher = this.#makeBatcher()
    this.#own = new OwnTransactions({
      batcher: this.#batcher,
      remembered: (id) => this.opened.state.remembered(id),
    })
    this.#executions = new Executions({
      ...{ options, events: this.events },
      blocked: (why) => this.health.blocked(why),
      executed: (id, outcomes) => this.#own.executed(id, outcomes),
    })
    this.#opening = new Opening({
      ...{ readiness: this.#makeReadiness(), health: this.health, waits: this.waits },
      ready: () => this.events.emit('ready', this.status()),
    })
    this.#notices = this.#makeNotices()
    this.snapshots = this.#makeSnapshots()
    this.linearizable = new LinearizableReads({
      ...{ clock, waits: this.waits, freshId: () => this.freshId() },
      feed: (input) => this.restart.feed(input),
      submit: (request, patience) => this.#batcher.add(request, patience),
      suspicion: () => this.health.suspicion(),
    })
    this.feed = new AppliedFeed<AppliedEntry>({
      ...{ waits: this.waits, position: () => this.#applied.watermark.position },
      page: (after) => this.opened.state.appliedPage(after, PAGE_ENTRIES),
      positionOf: (entry) => entry.position,
    })
    this.#notices.divergedBefore(opened.durable.divergedAt)
  }

  get opened(): OpenedReplica {
    return this.#opened
  }

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
      this.snapshots.start()
      this.#belonging.start()
      this.damage.start()
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
    const requests = this.#batcher.counts()
    const { progress } = this.snapshots
    return statusReport({ ...this.#report(), requests, rejectedFrames, progress })
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
    await this.snapshots.close()
    await this.#driver.close()
    this.waits.close()
    await Promise.all([this.#traffic.close(), this.#writes.close()])
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
    void this.snapshots.close()
    void this.#driver.close()
    this.health.fail(error)
    this.#stopCallers(error)
    this.#endWaits('failed', error)
    void this.#traffic.close()
    this.events.emit('fatal', error)
    this.#notices.tell('onFatal', () => onFatal(error))
  }

  #endWaits(how: 'closed' | 'failed', error: SyneviError): void {
    this.restart.never()
    this.#executions.close()
    this.#belonging.close()
    this.damage.close()
    this.membership.stop(error)
    this.feed.end(how, error)
    this.#opening.fail(error)
  }

  #report(): ReportParts {
    const { opened, health, options } = this
    const replica = opened.replica.status(options.clock.now())
    return { opened, health, applied: this.#applied, replica, damage: this.damage.report }
  }

  #makeHealth(): NodeHealth {
    const { clock, logger, timeouts } = this.options
    const { store, roster } = this.opened
    return new NodeHealth({
      ...{ clock, logger, roster, peerSilentMs: timeouts.peerSilentMs },
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
        this.damage.heard(messages)
        this.#driver.feedAll(this.snapshots.inputsOf(from, messages))
        this.#opening.check()
      },
      link: (peer, up) => {
        this.restart.link(peer, up)
        this.membership.link(peer, up)
      },
      refused: (peer, code) => this.#belonging.refused(peer, code),
      asked: (id, question) => this.membership.asked(id, question),
    })
  }

  #makeMembership(): Membership {
    const { clock, logger } = this.options
    const { cluster, roster, state } = this.opened
    return new Membership({
      ...{ clock, logger, cluster, roster, settings: state.settings, waits: this.waits },
      ...{ health: this.health, events: this.events },
      feed: (input) => this.restart.feed(input),
      reconnect: () => this.#traffic.follow(),
      changed: (serial) => this.#notices.memberChanged(serial),
      opened: () => this.#opening.check(),
      dismissed: (error) => this.#fail(error),
    })
  }

  #makeDriver(): Driver {
    const { clock, self } = this.options
    const { opened } = this
    return new Driver({
      ...{ clock, replica: opened.replica },
      post: (envelopes) => this.#traffic.post(envelopes),
      encode: (writes) => opened.state.encode(writes),
      write: tracedWrite((batch) => this.#writes.urgent(batch), self.id),
      run: (execution) => this.#executions.run(opened.lane, execution),
      answer: (answer) => {
        this.restart.answered(answer.submission)
        if (!this.membership.answer(answer)) this.#own.answer(answer)
      },
      read: (answer) => this.linearizable.answer(answer),
      notice: (notice) => this.#notices.heard(notice),
      stored: (writes) => this.#stored(writes),
      failed: (error) => this.#fail(brokenError(error)),
    })
  }

  #makeReadiness(): Readiness {
    return new Readiness({
      durable: this.opened.durable,
      position: () => this.#applied.watermark.position,
      target: () => this.health.targetPosition(),
      isVoter: () => this.opened.roster.role === 'voter',
      isHalted: () => this.health.isDiverged,
    })
  }

  #makeNotices(): Notices {
    const { options, health, events, telemetry, membership } = this
    return new Notices({
      ...{ options, health, events, telemetry, membership },
      ...{ own: this.#own, self: this.opened.serial },
      submitted: (submission) => this.restart.answered(submission),
      snapshotWanted: (from) => this.snapshots.take(from),
      memberOf: (serial) => this.members().find((one) => one.serial === serial),
      diverged: (error) => this.#stopCallers(error),
      fatal: (error) => this.#fail(error),
    })
  }

  #makeSnapshots(): Snapshots {
    const { options, opened, health, restart } = this
    const { serial: self, cluster, store, roster } = opened
    return new Snapshots({
      ...{ options, self, cluster, store },
      write: (batch) => this.#writes.patient(batch),
      post: (to, message) => this.#traffic.post([{ to, message }]),
      voters: () => roster.voters.map(({ serial }) => serial),
      isReachable: (serial) => restart.isLinked(serial),
      progress: (progress) => this.events.emit('catchingUp', progress),
      random: (count) => this.#random.bytes(count),
      mayServe: () => health.failure === undefined && !health.isDiverged,
      ...{ install: (manifest) => this.#install(manifest), unread: () => this.queries.ended() },
      failed: (error) => this.#fail(brokenError(new WriteFailure('staging', { cause: error }))),
    })
  }

  #install(manifest: Manifest): Promise<FetchEnd> {
    return installSnapshot(manifest, {
      ...{ options: this.options, opened: this.opened, random: this.#random },
      stop: () => this.restart.begin(this.#driver),
      isOver: () => this.restart.isOver,
      write: (batch) => this.#writes.urgent(batch),
      submissions: () => this.#own.unanswered,
      reopened: (opened, isReplaced) => this.#reopened(opened, isReplaced),
      failed: (error) => this.#fail(brokenError(error)),
    })
  }

  #reopened(opened: OpenedReplica, isReplaced: boolean): void {
    this.#opened = opened
    this.damage.follow(opened.state)
    this.#applied = opened.state.applied
    this.#opening.begunAgain(this.#makeReadiness())
    this.#driver = this.#makeDriver()
    opened.durable.configurations.forEach((one) => this.membership.follow(one))
    const installed = isReplaced ? this.#applied.watermark : undefined
    this.#notices.heard({ kind: 'restartedInPlace', installed })
    if (isReplaced && this.health.repaired()) {
      for (const one of [this.#batcher, this.linearizable, this.feed]) one.resume()
    }
    this.restart.end()
    this.linearizable.askAgain()
    this.#driver.start()
    this.feed.advance()
    this.#opening.check()
  }

  #makeBatcher(): Batcher {
    const { clock, limits, batch } = this.options
    return new Batcher({
      ...{ clock, limits, batch, random: this.#random },
      submit: (submission, payload) => {
        this.restart.feed({ kind: 'submit', submission, keys: DEFAULT_KEYS, payload })
      },
      suspicion: () => this.health.suspicion(),
    })
  }

  #stored(writes: readonly Write[]): void {
    // Durable only now: a node that is open has a vote that its next life has, too.
    if (writes.some(({ kind }) => kind === 'admitted')) this.#opening.admitted()
    const applied = writes.flatMap((write) => (write.kind === 'applied' ? [write.record.id] : []))
    for (const id of applied) {
      this.opened.lane.stored(id)
      this.#opening.applied(id)
    }
    if (applied.length === 0) return
    this.#applied = this.opened.state.applied
    for (const id of applied) this.#executions.stored(id)
    this.feed.advance()
    this.#opening.check()
  }

  #stopCallers(error: SyneviError): void {
    this.#batcher.stop(() => error)
    this.linearizable.stop(error)
    this.feed.end('failed', error)
  }
}
