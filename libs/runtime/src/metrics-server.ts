// Where a process tells operators how it is: `GET /metrics`, and `GET /health` for whoever starts and stops processes. A
// port of its own, which nothing public leads to.
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Metrics } from './metrics.ts'

export type MetricsServerOptions = {
  host: string
  port: number
  metrics: Metrics
  /** Whether the service does its work. */
  isReady(): boolean
}

export type MetricsServer = AsyncDisposable & { port: number }

const REQUEST_TIMEOUT_MS = 5_000

/** Rejects when the port cannot be had. */
export async function serveMetrics(options: MetricsServerOptions): Promise<MetricsServer> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS })
  server.on('request', ({ method, url }, response) => {
    const path = method === 'GET' || method === 'HEAD' ? url?.split('?')[0] : undefined
    if (path === '/metrics') return void tell(options.metrics, response)
    if (path !== '/health') return void response.writeHead(404).end()
    const ok = options.isReady()
    response.writeHead(ok ? 200 : 503, { 'content-type': 'application/json' }).end(JSON.stringify({ ok }))
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(options.port, options.host, resolve)
  await promise
  server.off('error', reject)
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((done) => server.close(done))
      server.closeAllConnections()
      await closed
    },
  }
}

async function tell(metrics: Metrics, response: ServerResponse): Promise<void> {
  try {
    const { type, body } = await metrics.text({ process: true })
    response.writeHead(200, { 'content-type': type }).end(body)
  } catch {
    response.writeHead(500).end()
  }
}
