// The web server: what SvelteKit built, behind node:http. Its origin is WEB_URL whatever a request says of itself.
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { fileURLToPath } from 'node:url'
import proxyAddress from '@fastify/proxy-addr'
import compression from 'compression'
import { StartError } from '@mcpshield/runtime/config'
import type { Log } from '@mcpshield/runtime/log'
import type { Config } from './lib/server/config.ts'

/** A policy may have a megabyte, and a form encodes it. */
const BODY_LIMIT = '4M'
/** Set here on every request, so what a client sends under these names is never read. */
const PROTOCOL = 'x-mcpshield-protocol'
const HOST = 'x-mcpshield-host'
const ADDRESS = 'x-mcpshield-address'

/** What SvelteKit's adapter reads of its environment when it is loaded. */
export const ADAPTER_VARIABLES = {
  PROTOCOL_HEADER: PROTOCOL,
  HOST_HEADER: HOST,
  ADDRESS_HEADER: ADDRESS,
  BODY_SIZE_LIMIT: BODY_LIMIT,
}

export async function start(config: Config, log: Log): Promise<AsyncDisposable> {
  const handle = await builtHandler()
  const { protocol, host } = new URL(config.WEB_URL)
  const isTrusted = proxyAddress.compile(config.TRUST_PROXY)
  const compress = compression({ filter: isCompressible })
  const server = createServer((request, response) => {
    request.headers[PROTOCOL] = protocol.slice(0, -1)
    request.headers[HOST] = host
    request.headers[ADDRESS] = addressOf(request, isTrusted)
    compress(request as never, response as never, () => handle(request, response))
  })
  server.listen(config.WEB_PORT, config.HOST)
  await once(server, 'listening')
  log.info({ url: config.WEB_URL, port: config.WEB_PORT }, 'listening')
  return {
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      // Live streams have no end of their own.
      server.closeAllConnections()
      await closed
    },
  }
}

/** What is live is sent as it comes. */
const isCompressible: compression.CompressionFilter = (request, response) => {
  const type = String(response.getHeader('content-type') ?? '')
  return !type.startsWith('text/event-stream') && compression.filter(request, response)
}

async function builtHandler(): Promise<RequestListener> {
  const file = new URL('../build/handler.js', import.meta.url)
  if (!existsSync(file))
    throw new StartError(`${fileURLToPath(file)} is not there: run \`npm run build -w web\` first.`)
  const { handler } = (await import(file.href)) as { handler: RequestListener }
  return handler
}

function addressOf(request: IncomingMessage, isTrusted: (address: string, hop: number) => boolean): string {
  return proxyAddress(request, isTrusted)
}
