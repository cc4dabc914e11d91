/** What any `Executor` must do, so that nodes that run it stay alike. */

import type { Executor } from 'synevi'
import { check, checkBytes, sameBytes, type ConformanceCase } from './conformance-case.ts'
import { ExecutorWorld, type Ran, type Sample } from './executor-world.ts'
import { SeededNumbers } from './seeded-numbers.ts'

/** An executor to try, and what to try it with. */
export interface ExecutorFixture {
  /** With no state yet. Made anew, it must know nothing of the one before. */
  readonly executor: Executor
  /**
   * Valid, in an order that makes sense from an empty state, and every name it handles among them.
   */
  readonly transactions: readonly Sample[]
  /** Valid at the end of the transactions. */
  readonly queries?: readonly Sample[]
}

/** Makes a new executor, and the same samples each time. */
export type MakeExecutor = () => ExecutorFixture | Promise<ExecutorFixture>

/** Every claim of the `Executor` contract that can be tried from outside. */
export const executorCases: readonly ConformanceCase<MakeExecutor>[] = [
  executorCase('its names are well formed', async (make) => {
    const { name, version, handles } = (await make()).executor
    check(/^[a-z0-9-]{1,64}$/.test(name), `the name ${JSON.stringify(name)} is none`)
    check(name !== 'synevi', 'the name synevi is reserved')
    check(Number.isSafeInteger(version) && version >= 1, `the version ${version} is not 1 or more`)
    for (const each of handles) {
      check(each.startsWith(`${name}/`), `it handles ${each}, which does not begin with ${name}/`)
      check(Buffer.byteLength(each) <= 255, `it handles ${each}, which has more than 255 bytes`)
    }
    check(new Set(handles).size === handles.length, 'it lists a name twice')
  }),
  executorCase('it handles every name it lists', async (make) => {
    const { executor, transactions } = await make()
    for (const name of executor.handles) {
      check(
        transactions.some((txn) => txn.name === name),
        `no sample is named ${name}`,
      )
    }
    const world = new ExecutorWorld()
    for (const txn of transactions) {
      check(executor.handles.includes(txn.name), `it does not list ${txn.name}, which is a sample`)
      const ran = await world.run(executor, txn)
      check(ran.kind === 'outcome', `the valid transaction ${txn.name} throws: ${show(ran)}`)
    }
  }),
  executorCase('a name it does not list throws and leaves nothing', async (make) => {
    const { executor, transactions } = await make()
    const world = new ExecutorWorld()
    for (const txn of transactions) await world.run(executor, txn)
    const before = world.image()
    const unknown = [`${executor.name}/no-such-transaction`, `${executor.name}/`, '__proto__']
    for (const name of [...unknown, 'constructor']) {
      const ran = await world.run(executor, { name, payload: new Uint8Array(4) })
      check(
        ran.kind === 'thrown',
        `the transaction ${name}, which it does not list, has an outcome`,
      )
    }
    check(world.image() === before, 'a transaction it does not list changed the state')
  }),
  executorCase('the same transactions from the same state give the same bytes', async (make) => {
    const first = await play(await make())
    // Another turn of the event loop, other times and other chance outside.
    await new Promise((resolve) => setTimeout(resolve, 5))
    const second = await play(await make())
    checkSame(first, second, 'a second run')
  }),
  executorCase('it keeps nothing but what the context holds', async (make) => {
    const whole = await play(await make())
    const { transactions } = await make()
    // A fresh executor at every step, as after a restart there, must not be told from one that ran
    // from the start.
    const world = new ExecutorWorld()
    const ran: Ran[] = []
    for (const txn of transactions) {
      const { executor } = await make()
      if (executor.appliedThrough !== undefined) return
      ran.push(await world.run(executor, txn))
    }
    checkSame(whole, { ran, image: world.image() }, 'a run with restarts')
  }),
  executorCase('a payload that nobody made harms nothing', async (make) => {
    const { executor, transactions } = await make()
    const { executor: another } = await make()
    const numbers = new SeededNumbers(1)
    const world = new ExecutorWorld()
    const twin = new ExecutorWorld()
    for (const txn of transactions) {
      // An outcome or a throw; the same on every node, and after a throw the state is as before.
      for (const payload of [...hostile(txn.payload, numbers), txn.payload]) {
        const ran = await world.run(executor, { name: txn.name, payload })
        const twice = await twin.run(another, { name: txn.name, payload })
        const ends = `${show(ran)}, ${show(twice)}`
        check(sameRun(ran, twice), `${txn.name} ends in two ways on two nodes: ${ends}`)
      }
    }
    check(world.image() === twin.image(), 'two nodes differ after strange payloads')
  }),
  executorCase('a throw leaves no trace', async (make) => {
    const { executor, transactions } = await make()
    const { executor: another } = await make()
    const numbers = new SeededNumbers(2)
    const world = new ExecutorWorld()
    const calm = new ExecutorWorld()
    for (const txn of transactions) {
      // These attempts take no position in this world, so the calm one must end up the same.
      for (const payload of hostile(txn.payload, numbers)) {
        await new ExecutorWorld(world).run(executor, { name: txn.name, payload })
      }
      const ran = await world.run(executor, txn)
      const calmly = await calm.run(another, txn)
      const ends = `${show(ran)}, ${show(calmly)}`
      check(sameRun(ran, calmly), `${txn.name} ends otherwise after discarded attempts: ${ends}`)
    }
    check(world.image() === calm.image(), 'discarded attempts left a trace in the executor')
  }),
  executorCase('it does not use a context after its execution', async (make) => {
    const { executor, transactions } = await make()
    const world = new ExecutorWorld()
    for (const txn of transactions) await world.run(executor, txn)
    await new Promise((resolve) => setTimeout(resolve, 5))
    const [first] = world.lateUses
    check(first === undefined, `it called ${first} of a context whose execution had ended`)
  }),
  executorCase('outcomes do not change once given', async (make) => {
    const { executor, transactions } = await make()
    const world = new ExecutorWorld()
    const kept: (readonly [Uint8Array, Uint8Array])[] = []
    const spy: Executor = {
      name: executor.name,
      version: executor.version,
      handles: executor.handles,
      execute: async (txn, context) => {
        const outcome = await executor.execute(txn, context)
        kept.push([outcome.value, outcome.value.slice()])
        return outcome
      },
    }
    for (const txn of transactions) await world.run(spy, txn)
    for (const [value, copy] of kept) checkBytes(value, copy, 'the value of an earlier outcome')
  }),
  executorCase('a query answers the same twice, and changes nothing', async (make) => {
    const { executor, transactions, queries = [] } = await make()
    const world = new ExecutorWorld()
    for (const txn of transactions) await world.run(executor, txn)
    const before = world.image()
    for (const query of queries) {
      const answer = await world.ask(executor, query)
      check(answer instanceof Uint8Array, `the query ${query.name} answers no bytes`)
      checkBytes(await world.ask(executor, query), answer, `the second answer to ${query.name}`)
      const { executor: fresh } = await make()
      if (executor.appliedThrough !== undefined) continue
      checkBytes(await world.ask(fresh, query), answer, `${query.name} after a restart`)
    }
    check(world.image() === before, 'a query changed the state')
  }),
]

interface Played {
  readonly ran: readonly Ran[]
  readonly image: string
}

function executorCase(
  name: string,
  run: (make: MakeExecutor) => Promise<void>,
): ConformanceCase<MakeExecutor> {
  return { name, run }
}

async function play({ executor, transactions }: ExecutorFixture): Promise<Played> {
  const world = new ExecutorWorld()
  const ran: Ran[] = []
  for (const txn of transactions) ran.push(await world.run(executor, txn))
  return { ran, image: world.image() }
}

function checkSame(first: Played, second: Played, what: string): void {
  first.ran.forEach((ran, index) => {
    const other = second.ran[index]
    const isSame = other !== undefined && sameRun(ran, other)
    check(isSame, `transaction ${index} ends otherwise in ${what}`)
  })
  check(first.image === second.image, `the state is another after ${what}`)
}

function sameRun(a: Ran, b: Ran): boolean {
  if (a.kind === 'thrown' || b.kind === 'thrown') return a.kind === b.kind && show(a) === show(b)
  return a.ok === b.ok && sameBytes(a.value, b.value)
}

function show(ran: Ran): string {
  if (ran.kind === 'thrown') return `thrown: ${ran.message}`
  return `${ran.ok ? 'ok' : 'refused'} [${Buffer.from(ran.value).toString('hex')}]`
}

/** Payloads near a valid one, and far from any. */
function hostile(valid: Uint8Array, numbers: SeededNumbers): Uint8Array[] {
  const flipped = valid.slice()
  const at = numbers.below(Math.max(1, flipped.length))
  if (at < flipped.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << numbers.below(8))
  const longer = new Uint8Array(valid.length + 3)
  longer.set(valid)
  return [
    new Uint8Array(0),
    flipped,
    longer,
    valid.slice(0, numbers.below(valid.length + 1)),
    numbers.bytes(numbers.below(40)),
    new Uint8Array(64).fill(255),
  ]
}
