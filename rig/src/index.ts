/** What benches use of the rig. */

export { TcpProxy, type ProxyLink, type Shape } from './tcp-proxy.ts'
