/** Workers of `simulate`: none outlives its parent. */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

test('a worker ends with the channel to its parent, whatever it is doing', async () => {
  const script = fileURLToPath(new URL('simulate.ts', import.meta.url))
  const execArgv = ['--conditions=source', '--import', 'tsx']
  const worker = fork(script, ['--worker'], { execArgv, stdio: 'ignore' })
  const patience = { signal: AbortSignal.timeout(30_000) }
  const ended = once(worker, 'exit', patience)
  try {
    worker.send({ seed: '42' })
    await once(worker, 'message', patience)
    worker.send({ seed: '42' })
    worker.disconnect()
    expect(await ended).toEqual([0, null])
  } finally {
    worker.kill('SIGKILL')
  }
})
