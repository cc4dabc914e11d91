/**
 * The workload of the seeds: registers and lists in an executor of its own, beside the key-value
 * executor.
 *
 * Keys, expectations and ids are drawn from small sets, so that hits and misses are both common.
 */

import type { Bytes } from '@synevi/accord'
import type { Codec, ExecuteContext, Executor, Outcome, StateReader } from 'synevi'
import type { Json } from '../check/history.ts'
import { isList } from '../check/history.ts'
import { KvListModel, type Model } from '../check/model.ts'
import type { Prng } from '../prng.ts'
import { KV_OPERATIONS, KvWorkload } from './kv.ts'
import type { ExecutorWorld, Step, Workload } from './workload.ts'

const WRITES = ['put', 'delete', 'cas', 'txn', 'get', 'throw'] as const
const KEYS = ['a', 'b', 'c', 'd', 'e', 'f'] as const

/** JSON as UTF-8. */
const JSON_CODEC: Codec<Json> = {
  encode: (value) => Buffer.from(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
}

/** Registers and lists (`check/model.ts` documents the operations), over keys `a` … `f`. */
export class MixedWorkload implements Workload {
  readonly operations: readonly string[] = [
    'put',
    'delete',
    'cas',
    'append',
    'readTxn',
    'getTxn',
    'get',
    'list',
    'localGet',
    'localList',
    'barrier',
    ...KV_OPERATIONS,
  ]
  readonly #kv = new KvWorkload(() => this.#value())
  #next = 0

  executors(world: ExecutorWorld): readonly Executor[] {
    return [new MixedExecutor(world), ...this.#kv.executors()]
  }

  next(operation: string, random: Prng): Step {
    const key = random.pick(KEYS)
    switch (operation) {
      case 'put':
        return submit('put', [key, this.#value()])
      case 'delete':
        return submit('delete', key)
      case 'cas':
        return submit('cas', [key, this.#expected(random), this.#value()])
      case 'append':
        return submit('txn', this.#txn(random))
      case 'readTxn':
        return submit('txn', readsOf(random))
      case 'getTxn':
        return submit('get', key)
      case 'throw':
        return submit('throw', this.#value())
      case 'get':
        return read('get', key, 'linearizable')
      case 'list':
        return read('txn', readsOf(random), 'linearizable')
      case 'localGet':
        return read('get', key, random.pick(['local', 'atLeast'] as const))
      case 'localList':
        return read('txn', readsOf(random), random.pick(['local', 'atLeast'] as const))
      case 'barrier':
        return { kind: 'barrier' }
      default:
        return this.#kv.next(operation, key, random)
    }
  }

  answerOf(f: string, ok: boolean, value: Bytes): Json | Promise<Json> {
    return f.startsWith('kv.') ? this.#kv.answerOf(f, ok, value) : JSON_CODEC.decode(value)
  }

  readOf(f: string, value: Bytes): { value: Json; position: number | undefined } {
    if (f.startsWith('kv.')) return this.#kv.readOf(value)
    const decoded = JSON_CODEC.decode(value)
    const [position, answer] = isList(decoded) ? decoded : []
    return { value: answer ?? null, position: typeof position === 'number' ? position : undefined }
  }

  operationOf(name: string, payload: Bytes): { f: string; asked: Json } | undefined {
    if (name.startsWith('kv/')) return this.#kv.operationOf(name, payload)
    const f = name.slice('mixed/'.length)
    if (name !== `mixed/${f}` || !WRITES.some((each) => each === f)) return undefined
    return { f, asked: JSON_CODEC.decode(payload) }
  }

  model(): Model {
    return new KvListModel()
  }

  /** Never twice. */
  #value(): number {
    return this.#next++
  }

  /** Nothing, or one of the last values: sometimes right. */
  #expected(random: Prng): Json {
    return random.chance(0.3) ? null : Math.max(0, this.#next - random.between(1, 12))
  }

  #txn(random: Prng): Json {
    const mops: Json[] = []
    for (let i = random.between(1, 4); i > 0; i--) {
      const key = random.pick(KEYS)
      mops.push(random.chance(0.6) ? ['append', key, this.#value()] : ['r', key, null])
    }
    return mops
  }
}

function readsOf(random: Prng): Json {
  return random
    .shuffle(KEYS)
    .slice(0, random.between(1, 3))
    .map((key) => ['r', key, null])
}

function submit(f: string, asked: Json): Step {
  return { kind: 'submit', f, asked, name: `mixed/${f}`, payload: JSON_CODEC.encode(asked) }
}

function read(f: string, asked: Json, consistency: 'linearizable' | 'local' | 'atLeast'): Step {
  return {
    kind: 'read',
    f,
    asked,
    name: `mixed/${f}`,
    payload: JSON_CODEC.encode(asked),
    consistency,
  }
}

/**
 * The executor: each execution leaves its position behind, so that reads can say what they show.
 */
class MixedExecutor implements Executor {
  readonly name = 'mixed'
  readonly version = 1
  readonly handles: readonly string[] = WRITES.map((each) => `mixed/${each}`)
  readonly #world: ExecutorWorld

  constructor(world: ExecutorWorld) {
    this.#world = world
  }

  execute(
    txn: { name: string; payload: Bytes },
    context: ExecuteContext,
  ): Outcome | Promise<Outcome> {
    const pause = this.#world.pause()
    if (pause === undefined) return this.#run(txn, context)
    return pause.then(() => this.#run(txn, context))
  }

  query(query: { name: string; payload: Bytes }, view: StateReader): Bytes {
    const asked = JSON_CODEC.decode(query.payload)
    const position = view.table('meta', JSON_CODEC).get('position') ?? 0
    const values = view.table('values', JSON_CODEC)
    const lists = view.table('lists', JSON_CODEC)
    if (query.name === 'mixed/digest') {
      return JSON_CODEC.encode([
        position,
        [...values.scan()].map(pair),
        [...lists.scan()].map(pair),
      ])
    }
    if (query.name === 'mixed/get') {
      return JSON_CODEC.encode([position, values.get(textOf(asked)) ?? null])
    }
    const mops = isList(asked) ? asked : []
    const answer = mops.map((mop): Json => {
      const name = isList(mop) ? textOf(mop[1]) : ''
      return ['r', name, lists.get(name) ?? []]
    })
    return JSON_CODEC.encode([position, answer])
  }

  #run(txn: { name: string; payload: Bytes }, context: ExecuteContext): Outcome {
    const asked = JSON_CODEC.decode(txn.payload)
    const answer = this.#apply(txn.name.slice('mixed/'.length), asked, context)
    context.table('meta', JSON_CODEC).put('position', Number(context.position))
    const value = this.#world.differs() ? ['differs', answer] : answer
    return { ok: !isRefusal(answer), value: JSON_CODEC.encode(value) }
  }

  #apply(f: string, asked: Json, context: ExecuteContext): Json {
    const values = context.table('values', JSON_CODEC)
    const fields = isList(asked) ? asked : [asked]
    const key = textOf(fields[0])
    const before = f === 'txn' || f === 'throw' ? null : (values.get(key) ?? null)
    switch (f) {
      case 'put':
        values.put(key, fields[1] ?? null)
        return before
      case 'delete':
        values.delete(key)
        return before
      case 'get':
        return before
      case 'cas':
        if (before !== fields[1]) return { ok: false, actual: before }
        values.put(key, fields[2] ?? null)
        return { ok: true }
      case 'txn':
        return fields.map((mop) => this.#mop(isList(mop) ? mop : [], context))
      default:
        values.put('a', 'never seen: the execution throws')
        throw new Error(`thrown on purpose: ${JSON.stringify(asked)}`)
    }
  }

  #mop(mop: readonly Json[], context: ExecuteContext): Json {
    const lists = context.table('lists', JSON_CODEC)
    const key = textOf(mop[1])
    const found = lists.get(key)
    const before = isList(found) ? found : []
    if (mop[0] === 'r') return ['r', key, before]
    lists.put(key, [...before, mop[2] ?? null])
    return mop
  }
}

/** A key: anything else is no key that anybody asked for. */
function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}

function pair(entry: readonly [string, Json]): Json {
  return [entry[0], entry[1]]
}

function isRefusal(answer: Json): boolean {
  return typeof answer === 'object' && answer !== null && Reflect.get(answer, 'ok') === false
}
