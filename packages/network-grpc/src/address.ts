/** Addresses as people write them: `host:port`, with brackets around an IPv6 host. */

/** `host` without brackets. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

const HOST = /^[A-Za-z0-9._-]{1,253}$/
const ADDRESS = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/

/** `undefined` for what is not an address. Port 0 is one: callers say whether it may be. */
export function parseAddress(text: string): HostPort | undefined {
  const match = typeof text === 'string' ? ADDRESS.exec(text) : null
  if (match === null) return undefined
  const host = match[1] ?? match[2] ?? ''
  const port = Number(match[3])
  if (port > 0xffff || (match[1] === undefined && !HOST.test(host))) return undefined
  return { host, port }
}

/** The inverse of `parseAddress`. */
export function formatAddress(address: HostPort): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return `${host}:${address.port}`
}
