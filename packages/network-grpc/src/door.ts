/**
 * The peer port: accepts connections, keeps those that have said no hello few and short-lived, and
 * hands the rest to gRPC. We own the sockets so that a refusal has a reason, silence ends, and
 * closing takes no longer than it must.
 */

import { createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { SyneviError } from 'synevi'
import { formatAddress, type HostPort } from './address.ts'
import { refusal, type Refusal } from './refusal.ts'
import { clientFlaw, handshakeFlaw } from './tls.ts'

/** How often silence and size of strangers are looked at. */
const SWEEP_MS = 50
/** The most a stranger may send: a hello has less than 1 KiB, HTTP/2 adds little. */
const STRANGER_MAX_BYTES = 64 * 1024
const HTTP2_PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** Callbacks come from socket events only. */
export interface DoorOptions {
  readonly listen: HostPort
  readonly tls: TlsOptions | undefined
  readonly helloTimeoutMs: number
  readonly strangersMax: number
  /** A connection that speaks HTTP/2, above TLS where there is TLS. */
  readonly onConnection: (socket: Socket) => void
  readonly onRefusal: (refusal: Refusal, remote: string) => void
}

interface Connection {
  socket: Socket
  readonly remote: string
  /** Infinity: admitted. */
  deadlineMs: number
  /** Said when the deadline passes; undefined where it was said before. */
  late: Refusal | undefined
}

/** Connections are named by their remote end, `host:port`, as gRPC's `getPeer()` names them. */
export class Door {
  readonly #options: DoorOptions
  readonly #server: Server
  readonly #connections = new Map<string, Connection>()
  readonly #strangers = new Set<Connection>()
  #sweep: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined

  constructor(options: DoorOptions) {
    this.#options = options
    this.#server = options.tls === undefined ? this.#plainServer() : this.#tlsServer(options.tls)
    this.#server.on('connection', (socket) => this.#arrive(socket))
  }

  /** Resolves with the address bound. Rejects with `INVALID_ARGUMENT`. */
  listen(): Promise<HostPort> {
    const { host, port } = this.#options.listen
    return new Promise((resolve, reject) => {
      const onError = (cause: Error): void => {
        const message = `cannot listen on ${formatAddress({ host, port })}: ${cause.message}`
        reject(new SyneviError('INVALID_ARGUMENT', message, { definite: true, cause }))
      }
      this.#server.once('error', onError)
      this.#server.listen({ host, port }, () => {
        this.#server.removeListener('error', onError)
        // Such as EMFILE while accepting: that connection is lost, the port goes on.
        this.#server.on('error', () => undefined)
        const bound = this.#server.address()
        resolve({ host, port: typeof bound === 'object' && bound !== null ? bound.port : port })
      })
    })
  }

  /** Its hello was accepted: it is a stranger no more. */
  admit(remote: string): void {
    const connection = this.#connections.get(remote)
    if (connection === undefined) return
    connection.deadlineMs = Infinity
    this.#strangers.delete(connection)
  }

  /** Its stream is over: the connection may flush for `graceMs`, then it is closed. */
  expel(remote: string, graceMs: number): void {
    const connection = this.#connections.get(remote)
    if (connection === undefined) return
    if (graceMs <= 0) {
      connection.socket.destroy()
      return
    }
    connection.late = undefined
    connection.deadlineMs = Math.min(connection.deadlineMs, performance.now() + graceMs)
    this.#watch(connection)
  }

  isOpen(remote: string): boolean {
    return this.#connections.has(remote)
  }

  /** Closes all connections at once. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      if (this.#sweep !== undefined) clearInterval(this.#sweep)
      this.#server.close(() => resolve())
      for (const connection of this.#connections.values()) connection.socket.destroy()
    })
    return this.#closing
  }

  #plainServer(): Server {
    const server = createTcpServer({ noDelay: true })
    server.on('connection', (socket) => {
      socket.once('readable', () => this.#sniff(socket))
    })
    return server
  }

  /** The first bytes of a peer are HTTP/2's. Others would only find out by a broken connection. */
  #sniff(socket: Socket): void {
    const first: unknown = socket.read()
    if (!(first instanceof Buffer)) return
    const length = Math.min(first.length, HTTP2_PREFACE.length)
    if (first.compare(HTTP2_PREFACE, 0, length, 0, length) !== 0) {
      const what =
        first[0] === 0x16 && first[1] === 3 ? 'TLS, which this node has not' : 'not HTTP/2'
      this.#refuse(socket, refusal('garbage', `a connection to the peer port speaks ${what}`))
      return
    }
    socket.unshift(first)
    this.#options.onConnection(socket)
  }

  #tlsServer(tls: TlsOptions): Server {
    // Node.js only says that a handshake takes too long. Silence is ended by the sweep, and sooner.
    const server = createTlsServer({ ...tls, handshakeTimeout: 2 * this.#options.helloTimeoutMs })
    server.on('secureConnection', (socket) => this.#secured(socket))
    server.on('tlsClientError', (error, socket) => {
      const flaw = handshakeFlaw(error)
      const why = `a connection to the peer port failed its TLS handshake: ${flaw}`
      if (flaw === undefined) socket.destroy()
      else this.#refuse(socket, refusal('certificate', why))
    })
    return server
  }

  #secured(socket: TLSSocket): void {
    const remote = remoteOf(socket)
    const connection = remote === undefined ? undefined : this.#connections.get(remote)
    socket.on('error', () => undefined)
    if (connection === undefined) {
      socket.destroy()
      return
    }
    connection.socket = socket
    socket.setNoDelay(true)
    const flaw = clientFlaw(socket)
    if (flaw !== undefined) {
      this.#refuse(socket, refusal('certificate', `a connection to the peer port: ${flaw}`))
    } else if (socket.alpnProtocol !== 'h2') {
      this.#refuse(socket, refusal('garbage', 'a connection to the peer port speaks not HTTP/2'))
    } else {
      this.#options.onConnection(socket)
    }
  }

  #refuse(socket: Socket, refused: Refusal): void {
    this.#options.onRefusal(refused, remoteOf(socket) ?? 'unknown')
    socket.destroy()
  }

  #arrive(socket: Socket): void {
    const remote = remoteOf(socket)
    if (remote === undefined || this.#closing !== undefined) {
      socket.destroy()
      return
    }
    const { helloTimeoutMs, strangersMax } = this.#options
    const connection: Connection = {
      socket,
      remote,
      deadlineMs: performance.now() + helloTimeoutMs,
      late: refusal('silent', `a connection said no hello within ${helloTimeoutMs} ms`),
    }
    this.#connections.set(remote, connection)
    socket.on('error', () => undefined)
    socket.once('close', () => {
      if (this.#connections.get(remote) === connection) this.#connections.delete(remote)
      this.#strangers.delete(connection)
    })
    this.#watch(connection)
    if (this.#strangers.size <= strangersMax) return
    // The oldest goes. Who means well says hello in milliseconds: a crowd keeps no member out.
    for (const oldest of this.#strangers) {
      const why = `more than ${strangersMax} connections without a hello: the oldest is closed`
      this.#dismiss(oldest, refusal('crowded', why))
      break
    }
  }

  #watch(connection: Connection): void {
    this.#strangers.add(connection)
    if (this.#sweep !== undefined) return
    this.#sweep = setInterval(() => this.#sweepStrangers(), SWEEP_MS)
    this.#sweep.unref()
  }

  #sweepStrangers(): void {
    const nowMs = performance.now()
    for (const connection of this.#strangers) {
      if (connection.deadlineMs === Infinity) continue
      if (nowMs >= connection.deadlineMs) this.#dismiss(connection, connection.late)
      else if (connection.late !== undefined && connection.socket.bytesRead > STRANGER_MAX_BYTES) {
        const why = `a connection sent more than ${STRANGER_MAX_BYTES} bytes without a hello`
        this.#dismiss(connection, refusal('flood', why))
      }
    }
    if (this.#strangers.size > 0 || this.#sweep === undefined) return
    clearInterval(this.#sweep)
    this.#sweep = undefined
  }

  #dismiss(connection: Connection, refused: Refusal | undefined): void {
    this.#strangers.delete(connection)
    if (refused !== undefined) this.#options.onRefusal(refused, connection.remote)
    connection.socket.destroy()
  }
}

function remoteOf(socket: Socket): string | undefined {
  const { remoteAddress, remotePort } = socket
  return remoteAddress === undefined ? undefined : `${remoteAddress}:${remotePort}`
}
