/**
 * One replica and its durable store, for tests: an input in, everything it asks for out, in the
 * words of Ready.
 */

import { hlc, nodeSerial, openReplica, timestampOf, epoch, millis, nanos } from '../index.ts'
import type {
  DurableState,
  Execution,
  Input,
  LogEntry,
  Message,
  ReadId,
  Replica,
  StoredFeatures,
  ReplicaStatus,
  ReplicaOptions,
  SubmissionId,
  Timestamp,
  TxnRecord,
} from '../index.ts'
import { DEFAULT_KEYS, type Keys } from '../txn/keys.ts'
import { configurationOf, type Configuration } from '../topology/configuration.ts'
import { type ApplicationTxn } from '../txn/txn.ts'
import { joined, type Said } from './said.ts'
import { StoreUnderTest, watermark } from './store-under-test.ts'

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
  readonly #store: StoreUnderTest
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
    const members = Array.from({ length: parts.size }, (_, serial) => ({
      serial: nodeSerial(serial),
      id: `node-${serial}`,
      address: '',
    }))
    const configuration = parts.configuration ?? configurationOf(epoch(1), members)
    this.#store = new StoreUnderTest({
      ...{ admitted: parts.admitted ?? true, features: parts.features, configuration },
      storeByte: parts.storeId ?? this.self + 1,
    })
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
    return joined(all)
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
    return this.#store.record(id)
  }

  /** Puts a record on the disk that the replica does not know of. */
  forge(record: TxnRecord): void {
    this.#store.forge(record)
  }

  get log(): readonly LogEntry[] {
    return this.#store.log
  }

  serve(): Said {
    const all: Said[] = []
    for (let ready = this.replica.drain(); ready !== undefined; ready = this.replica.drain()) {
      for (const write of ready.writes) this.#store.write(write)
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
    return joined(all)
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

  /** What a replica opens with. */
  durable(): DurableState {
    return this.#store.durable()
  }

  #open(): Replica {
    this.#executedPosition = this.#store.position
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
      reader: this.#store.reader(),
      at: this.instant(),
    })
  }

  instant(): { wall: ReturnType<typeof nanos>; elapsed: ReturnType<typeof millis> } {
    return { wall: nanos(BigInt(this.now) * 1_000_000n), elapsed: millis(this.now) }
  }
}
