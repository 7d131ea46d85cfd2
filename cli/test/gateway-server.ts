// A server that answers as the enforcing gateway does to who asks what it offers.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export type GatewayServer = AsyncDisposable & {
  url: string
  keys: Set<string>
  /** The keys that it was shown, in their order. */
  asked: string[]
}

export async function startGateway(...keys: string[]): Promise<GatewayServer> {
  const known = new Set(keys)
  const asked: string[] = []
  const server = createServer((request, response) => {
    request.resume()
    const key = request.headers['x-api-key']
    if (typeof key === 'string') asked.push(key)
    const isKnown = known.has(String(key))
    response.writeHead(isKnown ? 200 : 401, {
      'content-type': 'application/json',
      ...(isKnown ? {} : { 'www-authenticate': 'Bearer realm="mcpshield"' }),
    })
    const _meta = { 'io.modelcontextprotocol/serverInfo': { name: 'mcpshield', version: '1' } }
    response.end(
      JSON.stringify({ jsonrpc: '2.0', id: 1, ...(isKnown ? { result: { _meta } } : { error: {} }) }),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    keys: known,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
