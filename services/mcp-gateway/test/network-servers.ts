// Web servers of this machine that stand for hosts of the internet: names and addresses are made up, the rest is real.
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { NetworkDeps } from '../src/connectors/network.ts'

export type WebServer = AsyncDisposable & {
  port: number
  requests: { url: string; method: string; headers: IncomingMessage['headers']; body: string }[]
}

export async function serve(listener: RequestListener, host = '127.0.0.1'): Promise<WebServer> {
  const requests: WebServer['requests'] = []
  const server: Server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      requests.push({ url: request.url ?? '', method: request.method ?? '', headers: request.headers, body })
      listener(request, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

/** An address that is public, for a name that has one. */
export const PUBLIC = '93.184.215.14'

/**
 * Answers for names; each answer of a list is given once, the last one for ever. A connection to a public address
 * goes to this machine.
 */
export function stubNames(names: Record<string, string[][]>): NetworkDeps & { asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    async lookup(host) {
      const answers = names[host]
      if (answers === undefined) throw new Error('not known')
      const answer = answers[asked.filter((each) => each === host).length] ?? answers.at(-1)
      asked.push(host)
      return answer ?? []
    },
    dial: (address) => (address === PUBLIC ? '127.0.0.1' : address),
  }
}
