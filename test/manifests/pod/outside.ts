/** The pod as the kubelet, Prometheus and everybody else see it: at its address. */
import { get, request } from 'node:http'
import { connect } from 'node:net'

const providerPort = 9000

/** Of an answer on the pod's address; undefined where there is none. */
export function statusOf(host: string, port: number, path: string): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>()
  const sent = get({ host, port, path, agent: false, timeout: 2000 }, (response) => {
    response.resume()
    resolve(response.statusCode)
  })
  sent.on('timeout', () => sent.destroy())
  sent.on('error', () => resolve(undefined))
  return promise
}

export function isOpen(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect({ host, port, timeout: 2000 })
  const end = (open: boolean) => () => {
    socket.destroy()
    resolve(open)
  }
  socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false))
  return promise
}

/** Has the provider of the pod give its secret a new value. */
export function rotate(host: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  request({ host, port: providerPort, path: '/rotate', method: 'POST', agent: false }, (response) => {
    response.resume()
    response.on('end', resolve)
  })
    .on('error', reject)
    .end()
  return promise
}
