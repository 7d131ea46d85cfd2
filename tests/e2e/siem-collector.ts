// An organisation's own collector, as far as a test plays it: a webhook that keeps what it is sent.
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { SiemDestinationInput } from '@mcpshield/contracts/siem'
import { certificateAuthority } from '@mcpshield/testkit/certificates'

export type Collector = AsyncDisposable & {
  destination: Extract<SiemDestinationInput, { kind: 'webhook' }>
  /** Of each event its id and phase, as often as it came. */
  events: string[]
}

/** `FORWARDER_EGRESS` is to be `localhost`. */
export async function startCollector(): Promise<Collector> {
  const authority = certificateAuthority()
  const events: string[] = []
  const server = createServer(authority.issue({ dnsNames: ['localhost'] }), (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const sent = JSON.parse(Buffer.concat(chunks).toString()) as {
        metadata: { uid: string; event_code: string }
      }[]
      events.push(...sent.map(({ metadata }) => `${metadata.uid} ${metadata.event_code}`))
      response.writeHead(204).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `https://localhost:${(server.address() as AddressInfo).port}/`
  return {
    destination: { kind: 'webhook', url, body: 'array', ca_certificate: authority.certificate },
    events,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
    },
  }
}
