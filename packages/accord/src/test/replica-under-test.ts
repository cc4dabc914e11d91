/**
 * One replica and its durable store, for tests: an input in, everything it asks for out, in the
 * words of Ready.
 */

import {
  ALL_FEATURES,
  compareTimestamps,
  epochFactsAfter,
  hlc,
  nodeSerial,
  openReplica,
  TIMESTAMP_ZERO,
  timestampOf,
  epoch,
  millis,
  nanos,
} from '../index.ts'
import type {
  Answer,
  DurableState,
  EpochFacts,
  Execution,
  Input,
  LogEntry,
  Mark,
  Message,
  Notice,
  ReadAnswer,
  ReadId,
  RecordReader,
  Replica,
  StoredFeatures,
  ReplicaStatus,
  ReplicaOptions,
  SubmissionId,
  Timestamp,
  TxnRecord,
  Watermark,
  Write,
} from '../index.ts'
import { DEFAULT_KEYS, type Keys } from '../txn/keys.ts'
import { configurationOf, type Configuration } from '../topology/configuration.ts'
import { type ApplicationTxn } from '../txn/txn.ts'

/** What one input brought about. */
export interface Said {
  /** Left before the writes were durable. */
  readonly atOnce: readonly (readonly [number, Message])[]
  /** Left after. */
  readonly afterStore: readonly (readonly [number, Message])[]
  readonly writes: readonly Write[]
  readonly executions: readonly Execution[]
  readonly answers: readonly Answer[]
  readonly reads: readonly ReadAnswer[]
  readonly notices: readonly Notice[]
}

const NO_BYTES = new Uint8Array(0)

/** Timestamps of epoch 1 by small numbers: `at(5)` is 5 ms, `at(5, 2)` the same of node 2. */
export function at(ms: number, node = 0): Timestamp {
  return timestampOf({
    epoch: epoch(1),
    hlc: hlc((BigInt(ms) * 1_000_000n) << 16n),
    node: nodeSerial(node),
  })
}

/** The driver's name for a read. */
export function readId(read: number): ReadId {
  return read as ReadId
}

/** An application transaction with a one-byte payload. */
export function txnOf(byte: number, keys: Keys = DEFAULT_KEYS): ApplicationTxn {
  const payload = new Uint8Array([byte])
  return { kind: 'application', keys, payload, digest: payload }
}

export class ReplicaUnderTest {
  readonly self: number
  readonly #options: Partial<ReplicaOptions>
  readonly size: number
  replica: Replica
  /** Milliseconds of both clocks. */
  now = 1_000
  readonly #records = new Map<Timestamp, TxnRecord>()
  readonly #log: LogEntry[] = []
  #marks: readonly Mark[] = []
  #epochs: EpochFacts
  readonly #storeByte: number
  #facts: Pick<
    DurableState,
    'hlcReserve' | 'durableSeq' | 'admitted' | 'peers' | 'features' | 'floors'
  >
  #applied: Watermark = watermark(0n, TIMESTAMP_ZERO)
  #submissions = 0

  constructor(parts: {
    self?: number
    size: number
    admitted?: boolean
    features?: StoredFeatures
    configuration?: Configuration
    /** The byte that names the store. */
    storeId?: number
    options?: Partial<ReplicaOptions>
  }) {
    this.#options = parts.options ?? {}
    this.self = parts.self ?? 0
    this.size = parts.size
    this.#storeByte = parts.storeId ?? this.self + 1
    this.#facts = {
      hlcReserve: hlc(0n),
      durableSeq: 0n,
      admitted: parts.admitted ?? true,
      peers: [],
      features: parts.features ?? { requires: ALL_FEATURES, active: ALL_FEATURES },
      floors: { floor: TIMESTAMP_ZERO, closedBefore: TIMESTAMP_ZERO },
    }
    const members = Array.from({ length: parts.size }, (_, serial) => ({
      serial: nodeSerial(serial),
      id: `node-${serial}`,
      address: '',
    }))
    const configuration = parts.configuration ?? configurationOf(epoch(1), members)
    this.#epochs = { configurations: [configuration], pending: undefined, ends: [] }
    this.replica = this.#open()
  }

  /** Steps and serves: writes become durable, executions run, until nothing is left. */
  step(input: Input): Said {
    this.replica.step(input, this.instant())
    return this.serve()
  }

  hear(from: number, message: Message): Said {
    return this.step({ kind: 'receive', from: nodeSerial(from), message })
  }

  submit(byte: number, keys: Keys = DEFAULT_KEYS): Said {
    const submission = this.#submissions as SubmissionId
    this.#submissions += 1
    return this.step({ kind: 'submit', submission, keys, payload: new Uint8Array([byte]) })
  }

  read(read: number, keys: Keys = DEFAULT_KEYS): Said {
    return this.step({ kind: 'read', read: readId(read), keys })
  }

  cancelRead(read: number): Said {
    return this.step({ kind: 'cancelRead', read: readId(read) })
  }

  /** Lets time pass, to the next deadline as often as there is one. */
  advance(ms: number): Said {
    const until = this.now + ms
    const all: Said[] = []
    for (;;) {
      const next = this.replica.deadline()
      if (next === undefined || next > until) break
      this.now = Math.max(this.now, next)
      all.push(this.step({ kind: 'wake' }))
    }
    this.now = until
    return join(all)
  }

  /** The process dies and opens again from what was durable: everything served was. */
  restart(): Said {
    this.replica = this.#open()
    return this.serve()
  }

  status(): ReplicaStatus {
    return this.replica.status(this.instant())
  }

  /** What is durable of a transaction. */
  stored(id: Timestamp): TxnRecord | undefined {
    return this.#records.get(id)
  }

  /** Puts a record on the disk that the replica does not know of. */
  forge(record: TxnRecord): void {
    this.#records.set(record.id, record)
  }

  get log(): readonly LogEntry[] {
    return this.#log
  }

  serve(): Said {
    const all: Said[] = []
    for (let ready = this.replica.drain(); ready !== undefined; ready = this.replica.drain()) {
      for (const write of ready.writes) this.#write(write)
      all.push({
        atOnce: ready.send.map(({ to, message }) => [to, message] as const),
        afterStore: ready.sendAfterStore.map(({ to, message }) => [to, message] as const),
        writes: ready.writes,
        executions: ready.execute,
        answers: ready.answers,
        reads: ready.reads,
        notices: ready.notices,
      })
      this.replica.step({ kind: 'stored', ready: ready.id }, this.instant())
      for (const execution of ready.execute) this.#execute(execution)
    }
    return join(all)
  }

  #execute(execution: Execution): void {
    const result = {
      watermark: watermark(
        this.#lastPosition() + (execution.txn.kind === 'application' ? 1n : 0n),
        execution.executeAt,
      ),
      mutations: [],
    }
    this.#executedPosition = result.watermark.position
    this.replica.step({ kind: 'executed', id: execution.id, result }, this.instant())
  }

  #executedPosition = 0n

  #lastPosition(): bigint {
    return this.#executedPosition
  }

  #write(write: Write): void {
    switch (write.kind) {
      case 'diverged':
        return
      case 'record':
        this.#records.set(write.record.id, write.record)
        return
      case 'applied':
        this.#records.set(write.record.id, write.record)
        this.#log.push(write.entry)
        this.#applied = write.entry.watermark
        this.#mark(write.marks)
        if (write.closing !== undefined) this.#facts = { ...this.#facts, floors: write.closing }
        if (write.reconfig !== undefined)
          this.#epochs = epochFactsAfter(this.#epochs, write.reconfig)
        return
      case 'epochEnd':
        this.#epochs = epochFactsAfter(this.#epochs, write)
        return
      case 'closed':
        this.#facts = { ...this.#facts, floors: write.floors }
        return
      case 'truncated':
        for (const id of this.#records.keys()) if (id < write.below) this.#records.delete(id)
        return
      case 'logTruncated': {
        const gone = this.#log.findLastIndex(({ executeAt }) => executeAt <= write.base.executeAt)
        this.#log.splice(0, gone + 1)
        return
      }
      case 'floor':
        this.#facts = { ...this.#facts, floors: { ...this.#facts.floors, floor: write.floor } }
        return
      case 'hlcReserve':
        this.#facts = { ...this.#facts, hlcReserve: write.hlc }
        return
      case 'durableSeq':
        this.#facts = { ...this.#facts, durableSeq: write.seq }
        return
      case 'admitted':
        this.#facts = { ...this.#facts, admitted: true }
        return
      case 'features':
        this.#facts = { ...this.#facts, features: write.features }
        return
      case 'peer': {
        const others = this.#facts.peers.filter((peer) => peer.serial !== write.peer.serial)
        this.#facts = { ...this.#facts, peers: [...others, write.peer] }
        return
      }
    }
  }

  #mark(changed: readonly Mark[]): void {
    if (changed.some((mark) => mark.key === 'all')) this.#marks = changed
    else {
      const kept = this.#marks.filter((mark) => !changed.some((other) => other.key === mark.key))
      this.#marks = [...kept, ...changed]
    }
  }

  /** What a replica opens with. */
  durable(): DurableState {
    const live = [...this.#records.values()].filter(
      (record) => !record.applied && record.outcome?.kind !== 'invalidated',
    )
    const storeId = new Uint8Array(16).fill(this.#storeByte)
    const applied = this.#applied
    return { ...this.#facts, storeId, ...this.#epochs, live, marks: this.#marks, applied }
  }

  #open(): Replica {
    this.#executedPosition = this.#applied.position
    return openReplica({
      self: nodeSerial(this.self),
      options: {
        seed: 7n,
        digest: (payload) => payload.slice(0, 32),
        patienceMaxMs: 10,
        // No test closes anything by letting time pass, unless it says so.
        floorIntervalMs: 10_000_000,
        ...this.#options,
      },
      durable: this.durable(),
      reader: this.#reader(),
      at: this.instant(),
    })
  }

  #reader(): RecordReader {
    return {
      record: (id) => this.#records.get(id),
      entriesAfter: (since, countMax) => {
        const after = this.#log.filter((entry) => entry.executeAt > since)
        return { entries: after.slice(0, countMax), more: after.length > countMax }
      },
      watermarkAt: (position) =>
        this.#log.find(
          ({ txn, watermark: { position: p } }) => txn.kind === 'application' && p === position,
        )?.watermark,
      logStart: () => TIMESTAMP_ZERO,
      logSlice: ({ through, below }, countMax) =>
        this.#log
          .filter(
            ({ executeAt, watermark: { position } }) => executeAt < below && position <= through,
          )
          .slice(0, countMax)
          .at(-1)?.watermark,
      watermarkOf: (executeAt) =>
        this.#log.find((entry) => entry.executeAt === executeAt)?.watermark,
      oldestPosition: () => this.#log[0]?.watermark.position ?? 0n,
      decidedAfter: (since) =>
        [...this.#records.values()].flatMap(({ id, keys, outcome }) =>
          outcome?.kind === 'decided' && outcome.executeAt > since && keys !== undefined
            ? [{ id, executeAt: outcome.executeAt, keys }]
            : [],
        ),
      recordsBelow: (below, countMax) => sliceBelow([...this.#records.keys()], below, countMax),
    }
  }

  instant(): { wall: ReturnType<typeof nanos>; elapsed: ReturnType<typeof millis> } {
    return { wall: nanos(BigInt(this.now) * 1_000_000n), elapsed: millis(this.now) }
  }
}

/** Messages of one kind, with where they go. */
export function sent<K extends Message['kind']>(
  said: Said,
  kind: K,
): readonly { readonly to: number; readonly message: Message & { kind: K } }[] {
  const all = [...said.atOnce, ...said.afterStore]
  return all.flatMap(([to, message]) => (isKind(message, kind) ? [{ to, message }] : []))
}

/** The only message of one kind. Throws when there is none or more than one. */
export function theOne<K extends Message['kind']>(said: Said, kind: K): Message & { kind: K } {
  const found = sent(said, kind)
  const [first] = found
  if (first === undefined || found.length > 1)
    throw new Error(`${found.length} messages of kind ${kind}`)
  return first.message
}

function isKind<K extends Message['kind']>(
  message: Message,
  kind: K,
): message is Message & { kind: K } {
  return message.kind === kind
}

function sliceBelow(
  ids: readonly Timestamp[],
  below: Timestamp,
  countMax: number,
): Timestamp | undefined {
  const found = ids.filter((id) => id < below).sort(compareTimestamps)
  return found.length === 0 ? undefined : (found[countMax] ?? below)
}

function watermark(position: bigint, executeAt: Timestamp): Watermark {
  const hash = executeAt === TIMESTAMP_ZERO ? NO_BYTES : new Uint8Array([1 + Number(position)])
  return { position, executeAt, txnHash: hash, execHash: hash }
}

function join(all: readonly Said[]): Said {
  return {
    atOnce: all.flatMap((said) => said.atOnce),
    afterStore: all.flatMap((said) => said.afterStore),
    writes: all.flatMap((said) => said.writes),
    executions: all.flatMap((said) => said.executions),
    answers: all.flatMap((said) => said.answers),
    reads: all.flatMap((said) => said.reads),
    notices: all.flatMap((said) => said.notices),
  }
}
