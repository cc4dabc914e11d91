/** A node: one member of a cluster, embedded in a process. */

import type { NodeSerial } from '@synevi/accord'
import type { BackupManifest } from './backup/manifest.ts'
import { writeBackup } from './backup/write-backup.ts'
import type { BackupPlace } from './contract/backup-place.ts'
import type { VerifyReport } from './chain/verify.ts'
import { verifyInTurns } from './chain/verify-store.ts'
import type { Executor, LogPosition, RequestId } from './contract/executor.ts'
import { outputOf, type Query } from './define/query.ts'
import { executorOf } from './define/request-name.ts'
import { unknownTransaction, type Transaction } from './define/transaction.ts'
import { appliedResult, type Applied } from './drive/applied-result.ts'
import { joinWhereFresh } from './drive/join-where-fresh.ts'
import { openFromStore } from './drive/open-replica.ts'
import { repair } from './drive/repair.ts'
import { Runtime } from './drive/runtime.ts'
import { formatUlid } from './identifier.ts'
import { identifierOf, invalid } from './node-arguments.ts'
import { Channel } from './observe/channels.ts'
import type { NodeEvents } from './observe/events.ts'
import type { Member, NodeStatus } from './observe/status.ts'
import type { MemberSpec, NodeOptions } from './options.ts'
import { parseMemberId, parseMemberSpec } from './parse-member-spec.ts'
import { parseNodeOptions } from './parse-node-options.ts'
import { appliedTransaction, type AppliedTransaction } from './read/applied-transaction.ts'
import { parseConsistency, reach, type Consistency } from './read/consistency.ts'
import { parseWaiting, type Patience, type Waiting } from './read/waits.ts'
import { SeededRandom } from './seeded-random.ts'
import { SyneviError, definitely, isSyneviError } from './synevi-error.ts'

/**
 * Every ready node takes every transaction and every read. Closes what it was opened with: store
 * and network.
 */
export class Node implements AsyncDisposable {
  readonly #runtime: Runtime
  readonly #executors: ReadonlyMap<string, Executor>
  readonly #submitChannel = new Channel('synevi:submit')
  readonly #readChannel = new Channel('synevi:read')
  readonly #membershipChannel = new Channel('synevi:membership')
  #closing: Promise<void> | undefined

  private constructor(runtime: Runtime) {
    this.#runtime = runtime
    this.#executors = new Map(
      runtime.options.executors.map((executor) => [executor.name, executor]),
    )
  }

  /**
   * Opens the store, reaches for the members and resolves when ready: remembered by enough members,
   * everything decided before applied, and as far as a quorum was when first heard. Waits
   * `timeouts.joinMs` unless told otherwise. Open the members of a new cluster at the same time:
   * each waits for the others. With `join` and an empty store it asks until a member knows it, then
   * follows as a learner, and is ready once it has a vote.
   *
   * Rejects, all definite: `INVALID_ARGUMENT` (options; the store of another node or cluster),
   * `INCOMPATIBLE_VERSION`, `AMNESIA`, `SERIAL_TAKEN`, `STORE_FAILED`, `NO_QUORUM`, `TIMEOUT`,
   * `CANCELLED`, `MEMBERSHIP_UNKNOWN` (nobody added it in time), `MEMBERSHIP_REMOVED`. Store and
   * network are closed then.
   */
  static async open(options: NodeOptions, waiting: Waiting = {}): Promise<Node> {
    const parsed = parseNodeOptions(options)
    const { clock, timeouts, store, network } = parsed
    const patience = parseWaiting(waiting, { clock, byDefaultMs: timeouts.joinMs })
    const random = new SeededRandom(parsed.seed)
    let runtime: Runtime | undefined
    try {
      const joined = await joinWhereFresh(parsed, patience)
      runtime = new Runtime(parsed, await openFromStore(parsed, random, joined), random)
      await runtime.start(patience)
      return new Node(runtime)
    } catch (error) {
      if (runtime !== undefined) await runtime.close(0)
      else await Promise.allSettled([network.close(), store.close()])
      throw isSyneviError(error) ? definitely(error) : error
    }
  }

  /** Its public identity. */
  get id(): string {
    return this.#runtime.options.self.id
  }

  get serial(): NodeSerial {
    return this.#runtime.opened.serial
  }

  /**
   * Resolves when the transaction is decided at a quorum, and applied and durable here; `ok: false`
   * is the executor's refusal, applied as well. A retry with the same `id` has the effect of one
   * attempt and gets the first outcome, on any node.
   *
   * Rejects, definite: `INVALID_ARGUMENT`, `PAYLOAD_TOO_LARGE`, `UNKNOWN_TRANSACTION`, `NOT_READY`,
   * `OVERLOADED`, `NO_QUORUM`, `STORE_FULL`, `INVALIDATED`, `EXECUTOR_FAILED`, `REQUEST_ID_REUSED`,
   * `ALREADY_APPLIED`. Definite or not, as the error says: `TIMEOUT`, `CANCELLED`, `CLOSED`,
   * `NODE_FAILED`, `STORE_FAILED`, `DIVERGED`.
   */
  async submit<Ok, Err>(
    transaction: Transaction<Ok, Err>,
    options: Waiting & { readonly id?: RequestId } = {},
  ): Promise<Applied<Ok, Err>> {
    const { clock } = this.#runtime.options
    const { name } = transaction
    // Names that nobody defined would make labels without end.
    const label = this.#runtime.opened.lane.handles(name) ? name : 'unknown'
    const end = this.#runtime.telemetry.call('synevi.submit', label, clock.now().elapsed)
    try {
      const context = () => ({ node: this.id, name })
      const applied = await this.#submitChannel.trace(context, () =>
        this.#submit(transaction, options),
      )
      end(applied.ok ? 'ok' : 'refused', clock.now().elapsed)
      return applied
    } catch (error) {
      end(isSyneviError(error) ? error.code : 'NODE_FAILED', clock.now().elapsed)
      throw error
    }
  }

  /**
   * Asks an executor's state. Default `linearizable`: sees everything that was acknowledged
   * anywhere before the call. Rejects with `UNKNOWN_TRANSACTION`, `DIVERGED`, `NODE_FAILED`,
   * `STORE_FAILED`, `CLOSED`; what needs a quorum or a position also with `NO_QUORUM`, `TIMEOUT`,
   * `CANCELLED`; else with what the executor threw.
   */
  async read<Out>(
    query: Query<Out>,
    options: Waiting & { readonly consistency?: Consistency } = {},
  ): Promise<Out> {
    const { clock } = this.#runtime.options
    const end = this.#runtime.telemetry.call('synevi.read', query.name, clock.now().elapsed)
    try {
      const context = () => ({ node: this.id, name: query.name })
      const out = await this.#readChannel.trace(context, () => this.#read(query, options))
      end('ok', clock.now().elapsed)
      return out
    } catch (error) {
      end(isSyneviError(error) ? error.code : 'EXECUTOR_FAILED', clock.now().elapsed)
      throw error
    }
  }

  /**
   * Resolves with a position when everything that was acknowledged anywhere before the call is
   * applied here. Writes nothing when every member knows how (`protocol.md` 9); one question to a
   * quorum serves all who wait. Rejects as {@link read}; the failure of a barrier changes nothing.
   */
  async barrier(options: Waiting = {}): Promise<LogPosition> {
    const patience = this.#patience(options)
    this.#checkBarrier()
    await this.#runtime.linearizable.take(patience)
    return this.#runtime.applied.watermark.position
  }

  /**
   * The log above `after` (default: all that is here), history and then live; never skips, never
   * repeats. A slow consumer holds one page. Ends when the signal is aborted or the node closes;
   * throws `TRUNCATED` when the log here begins above, and when the node failed or diverged.
   */
  async *applied(
    options: { readonly after?: LogPosition; readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<AppliedTransaction, void, undefined> {
    const { after = this.#runtime.opened.state.basePosition, signal } = options
    if (typeof after !== 'bigint' || after < 0n)
      throw invalid('after: expected a bigint of 0 or more')
    for await (const entry of this.#runtime.feed.follow(after, signal))
      yield appliedTransaction(entry)
  }

  status(): NodeStatus {
    return this.#runtime.status()
  }

  /**
   * For a node opened with `features: 'hold'`: offers all that this build has from now on. Once
   * every member does, they are used, and no member can go back to the release before. Harmless
   * when repeated; forgotten by a restart before all did.
   */
  finishUpgrade(): void {
    this.#runtime.membership.finishUpgrade()
  }

  /** Of the open epoch, by serial; this node among them, unless it was removed. */
  members(): readonly Member[] {
    return this.#runtime.members()
  }

  /**
   * Names a node that may join, as a learner: it follows, and becomes a voter by itself once it has
   * caught up. Start it with `join` before or after. Resolves with its place in the membership once
   * that is agreed and in force here; asked again for the same member, at once.
   *
   * Rejects, definite: `INVALID_ARGUMENT` (also a member of that id at another address, and an
   * eighth voter), `SERIAL_TAKEN`, `MEMBERSHIP_BUSY`, `MEMBERSHIP_UNSAFE`, `MEMBERSHIP_REMOVED`,
   * `NOT_READY`, `NO_QUORUM`, `OVERLOADED`, `CLOSED`, `INCOMPATIBLE_VERSION`. Not definite:
   * `TIMEOUT`, `CANCELLED`, `NODE_FAILED` and the like: ask again.
   */
  async addMember(member: MemberSpec, options: Waiting = {}): Promise<Member> {
    const spec = parseMemberSpec(member)
    await this.#changeMembers('add', options, (patience) =>
      this.#runtime.membership.add(spec, patience),
    )
    return this.#memberOf(spec.id)
  }

  /**
   * Takes a member out, alive or dead, this node too. Resolves once the epoch that is open here is
   * without it; asked again, or for a node that is no member, at once. The node that went stops by
   * itself with `MEMBERSHIP_REMOVED` as soon as nobody needs it any more.
   *
   * `force`: also when too few of the rest seem to answer. What only the missing ones hold may then
   * be out of reach until they are back. Rejects as {@link addMember}; `MEMBERSHIP_UNSAFE` also for
   * the last voter, which no `force` removes.
   */
  async removeMember(
    id: string,
    options: Waiting & { readonly force?: boolean } = {},
  ): Promise<void> {
    const parsed = parseMemberId(id)
    const force = options.force === true
    await this.#changeMembers('remove', options, (patience) =>
      this.#runtime.membership.remove(parsed, { patience, force }),
    )
  }

  /**
   * Names a node that takes the place of a member: the cure for a lost disk. It joins as in
   * {@link addMember}; the old member goes, dead or alive, in the change that makes the new one a
   * voter. Resolves once the newcomer is a learner; asked again, at once. Rejects as
   * {@link addMember}, with `MEMBERSHIP_UNKNOWN` when neither is a member, and with
   * `MEMBERSHIP_BUSY` when another one is about to take that place.
   */
  async replaceMember(old: string, member: MemberSpec, options: Waiting = {}): Promise<Member> {
    const [parsed, spec] = [parseMemberId(old), parseMemberSpec(member)]
    await this.#changeMembers('replace', options, (patience) =>
      this.#runtime.membership.replace(parsed, spec, patience),
    )
    return this.#memberOf(spec.id)
  }

  /** Replaces the state of this node by a member's, votes kept: see {@link repair}. */
  repair(options: Waiting & { readonly from?: string } = {}): Promise<void> {
    return repair(this.#runtime, options)
  }

  /**
   * Never called from within `on`. A listener that throws is logged. Dispose of it, or abort, to
   * end it.
   */
  on<K extends keyof NodeEvents>(
    name: K,
    listen: (event: NodeEvents[K]) => void,
    options: { readonly signal?: AbortSignal } = {},
  ): Disposable {
    if (typeof listen !== 'function') throw invalid('listen: expected a function')
    return this.#runtime.events.on(name, listen, options)
  }

  /**
   * Computes the hash chain again, in short turns beside everything else, and holds it against the
   * log, the records and the request memory; then reads every record of the store and holds each
   * table against its sum, so that what is missing, was added or went back in time is found
   * wherever it is. Resolves with what was found; rejects with `CANCELLED`, `CLOSED`, and when LMDB
   * itself fails.
   */
  async verify(
    options: { readonly from?: LogPosition; readonly signal?: AbortSignal } = {},
  ): Promise<VerifyReport> {
    const { from, signal } = options
    if (from !== undefined && (typeof from !== 'bigint' || from < 1n))
      throw invalid('from: expected a bigint of 1 or more')
    const { store: whole, state } = this.#runtime.opened
    return verifyInTurns({
      ...{ whole, store: state.store, dedupMax: state.settings.dedupMax },
      ...{ clock: this.#runtime.options.clock, from, signal },
      isClosing: () => this.#closing !== undefined,
    })
  }

  /**
   * Writes everything up to one position into a directory or another place, while the node works:
   * log, outcomes, request memory and executor state, with a manifest that `restoreBackup` holds it
   * against. A directory must not exist, or be empty; it is there whole, durable, or not at all.
   * Memory does not grow with what is written; the store keeps what is replaced meanwhile.
   *
   * Rejects, all definite: `INVALID_ARGUMENT` (the target; a store without views), `STORE_FAILED`
   * (the store is damaged, which a backup does not hide; the place refuses), `CANCELLED`, `CLOSED`,
   * `DIVERGED`.
   */
  async backup(
    to: string | BackupPlace,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<BackupManifest> {
    if (this.#closing !== undefined)
      throw new SyneviError('CLOSED', 'this node is closing', { definite: true })
    const refusal = this.#runtime.health.refusalToRead()
    if (refusal !== undefined) throw definitely(refusal)
    const { clock } = this.#runtime.options
    const { store } = this.#runtime.opened
    return writeBackup({ store, clock, to, signal: options.signal })
  }

  /**
   * SHA3-256 over all executors' state, hexadecimal: equal on nodes at equal positions. Walks all
   * of it at once.
   */
  stateDigest(): string {
    return this.#runtime.opened.state.stateDigest()
  }

  /**
   * Takes nothing in any more, carries on what was taken in for at most `drainMs` (default
   * `timeouts.closeDrainMs`), answers the rest with `CLOSED`, then closes network and store. Never
   * rejects; closing twice is harmless.
   */
  close(options: { readonly drainMs?: number } = {}): Promise<void> {
    const { drainMs = this.#runtime.options.timeouts.closeDrainMs } = options
    const waitMs = Number.isSafeInteger(drainMs) && drainMs >= 0 ? drainMs : 0
    this.#closing ??= this.#runtime.close(waitMs)
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #submit<Ok, Err>(
    transaction: Transaction<Ok, Err>,
    options: Waiting & { readonly id?: RequestId },
  ): Promise<Applied<Ok, Err>> {
    const { opened, health } = this.#runtime
    const { name, payload } = transaction
    const patience = this.#patience(options)
    const id = options.id === undefined ? this.#runtime.freshId() : identifierOf(options.id)
    if (!(payload instanceof Uint8Array)) throw invalid('payload: expected bytes')
    if (!opened.lane.handles(name) || executorOf(name) === 'synevi') throw unknownTransaction(name)
    const refusal = health.refusalToSubmit()
    if (refusal !== undefined) throw refusal
    const outcome = await this.#runtime.submit({ id, name, payload }, patience)
    return appliedResult(transaction, options.id ?? formatUlid(id), outcome)
  }

  async #read<Out>(
    query: Query<Out>,
    options: Waiting & { readonly consistency?: Consistency },
  ): Promise<Out> {
    const { health, linearizable, feed, queries } = this.#runtime
    const consistency = parseConsistency(options.consistency)
    const patience = this.#patience(options)
    const executor = this.#executors.get(executorOf(query.name))
    if (executor?.query === undefined) throw unknownTransaction(query.name)
    const refusal = health.refusalToRead()
    if (refusal !== undefined) throw refusal
    if (consistency === 'linearizable') this.#checkBarrier()
    await reach(consistency, { patience, linearizable, feed })
    // What was found out while it waited counts.
    const late = health.refusalToRead()
    if (late !== undefined) throw late
    const { name, payload } = query
    // Only now: a snapshot may have taken the place of the state while it waited.
    const view = this.#runtime.opened.state.view(executor.name)
    const ask = executor.query.bind(executor)
    return outputOf(query, await queries.run(async () => ask({ name, payload }, view)))
  }

  async #changeMembers(
    name: string,
    options: Waiting,
    run: (patience: Patience) => Promise<void>,
  ): Promise<void> {
    const patience = this.#patience(options)
    this.#checkBarrier()
    await this.#membershipChannel.trace(
      () => ({ node: this.id, name }),
      () => run(patience),
    )
  }

  #memberOf(id: string): Member {
    const found = this.members().find((member) => member.id === id)
    if (found !== undefined) return found
    throw new SyneviError('MEMBERSHIP_BUSY', `${id} was a member, and is gone again`, {
      definite: true,
    })
  }

  /** A barrier is a small write, but a full disk has room for it. */
  #checkBarrier(): void {
    const refusal = this.#runtime.health.refusalToSubmit()
    if (refusal !== undefined && refusal.code !== 'STORE_FULL') throw refusal
  }

  #patience(waiting: Waiting): Patience {
    const { clock, timeouts } = this.#runtime.options
    return parseWaiting(waiting, { clock, byDefaultMs: timeouts.transactionMs })
  }
}
