// The yardstick: a bare relay that parses the JSON, reads the tool's name and passes the bytes on with
// undici. It decides nothing and records nothing. Run as its own process: `node bench/relay.ts <upstream>`.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Pool } from 'undici'

const [upstream = ''] = process.argv.slice(2)
const { origin, pathname } = new URL(upstream)
const pool = new Pool(origin, { connections: 64 })

const server = createServer((incoming, outgoing) => {
  const chunks: Buffer[] = []
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
  incoming.on('end', () => {
    const body = Buffer.concat(chunks)
    const message = JSON.parse(body.toString()) as { method?: string; params?: { name?: string } }
    if (message.method === 'tools/call' && typeof message.params?.name !== 'string')
      return void outgoing.writeHead(400).end()
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }
    return void pool
      .request({ path: pathname, method: 'POST', headers, body })
      .then(async (response) => {
        outgoing.writeHead(response.statusCode, {
          'content-type': String(response.headers['content-type'] ?? ''),
        })
        outgoing.end(Buffer.from(await response.body.arrayBuffer()))
      })
      .catch(() => outgoing.writeHead(502).end())
  })
})

server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit(0))
