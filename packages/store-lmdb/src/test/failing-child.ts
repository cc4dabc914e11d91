/**
 * Writes batches until one fails, tries every call after that, and prints how it went as one line
 * of JSON: `failing-child.ts PATH RESERVE_BYTES`. The reserve is `default` or a number.
 */

import { isSyneviError } from 'synevi'
import { LmdbStore } from '../lmdb-store.ts'
import { batchOf } from './batch.ts'

const [path = '', reserve = 'default'] = process.argv.slice(2)
const key = new Uint8Array(Buffer.from('last'))

const store = await LmdbStore.open({
  path,
  ...(reserve === 'default' ? {} : { reserveBytes: Number(reserve) }),
})
let acknowledged = 0
let warnings = 0
let failure: unknown
while (failure === undefined) {
  if (!store.hasRoom()) warnings++
  try {
    await store.write(batchOf(acknowledged))
    acknowledged++
  } catch (error) {
    failure = error
  }
}

async function outcomeOf(call: () => unknown): Promise<string> {
  try {
    await call()
    return 'done'
  } catch (error) {
    return error === failure ? 'the same failure' : String(error)
  }
}

print(
  JSON.stringify({
    acknowledged,
    warned: warnings > 0,
    code: isSyneviError(failure) ? failure.code : String(failure),
    message: isSyneviError(failure) ? failure.message : undefined,
    cause: isSyneviError(failure) ? String(failure.cause) : undefined,
    get: await outcomeOf(() => store.get(key)),
    scan: await outcomeOf(() => [...store.scan({})]),
    write: await outcomeOf(() => store.write(batchOf(acknowledged))),
    copyTo: await outcomeOf(() => store.copyTo(`${path}-copy`)),
    hasRoom: store.hasRoom(),
    close: await outcomeOf(() => store.close()),
    closeAgain: await outcomeOf(() => store.close()),
    openAgain: await LmdbStore.open({ path }).then(
      (again) => again.close().then(() => 'opened'),
      (error: unknown) => (isSyneviError(error) ? error.message : String(error)),
    ),
  }),
)

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
