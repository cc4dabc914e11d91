/** Loopback addresses that nobody listens on. */

import { createServer } from 'node:net'

/** Free a moment ago, all at once; whoever is quick may still take one. */
export async function freeAddresses(count: number): Promise<readonly string[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const addresses = servers.map((server) => {
    const bound = server.address()
    if (bound === null || typeof bound === 'string') throw new Error('the port is not known')
    return `127.0.0.1:${bound.port}`
  })
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return addresses
}
