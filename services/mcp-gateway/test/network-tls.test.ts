// Requests over TLS: the certificate is the name's, whatever address was connected to, and nobody leads back to HTTP.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseUrl } from '@mcpshield/facts/urls'
import type { UrlFact } from '@mcpshield/policy/facts'
import { networkConnector } from '../src/connectors/network.ts'
import { makeGrant } from './grant.ts'
import { PUBLIC, serve, stubNames, type WebServer } from './network-servers.ts'

const canMakeCertificates = spawnSync('openssl', ['version']).status === 0

describe.skipIf(!canMakeCertificates)('over TLS (needs openssl)', () => {
  const before = getCACertificates('default')
  let plain: WebServer
  let server: Server
  let port: number
  const seen: { servername: unknown; host: string | undefined }[] = []

  beforeAll(async () => {
    const { key, cert } = makeCertificate('api.example.com')
    plain = await serve((_request, response) => response.end('plain'))
    server = createServer({ key, cert }, (request, response) => {
      seen.push({
        servername: (request.socket as unknown as { servername: unknown }).servername,
        host: request.headers.host,
      })
      if (request.url === '/down')
        response.writeHead(302, { location: `http://api.example.com:${plain.port}/` })
      response.end('secret')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
    setDefaultCACertificates([...before, cert])
  })
  afterAll(async () => {
    setDefaultCACertificates(before)
    server.closeAllConnections()
    server.close()
    await plain[Symbol.asyncDispose]()
  })

  const ask = (url: string) => {
    const names = { 'api.example.com': [[PUBLIC]], 'other.example.com': [[PUBLIC]] }
    const connector = networkConnector(
      { name: 'web', kind: 'http', url: null, path: null, options: {} },
      stubNames(names),
    )
    const fact = parseUrl(url) as UrlFact
    return connector.run(
      'network.request',
      { url },
      makeGrant({ urls: [fact], alsoAllows: () => true, namesHost: () => true }),
    )
  }

  test('the name that was judged is the one that the server is asked for and must prove', async () => {
    expect((await ask(`https://api.example.com:${port}/`)).data.body).toBe('secret')
    expect(seen.at(-1)).toEqual({ servername: 'api.example.com', host: `api.example.com:${port}` })
    await expect(ask(`https://other.example.com:${port}/`)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('its certificate is not valid'),
    })
  })

  test('a redirect to the same host without encryption is not followed', async () => {
    await expect(ask(`https://api.example.com:${port}/down`)).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining('without encryption'),
    })
    expect(plain.requests).toEqual([])
  })
})

function makeCertificate(name: string): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'mcpshield-tls-'))
  try {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=DNS:${name}`]
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-nodes',
        '-days',
        '2',
        '-keyout',
        key,
        '-out',
        cert,
        ...subject,
      ],
      { stdio: 'ignore' },
    )
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
