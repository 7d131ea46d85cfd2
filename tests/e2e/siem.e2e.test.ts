// The record on its way out of the product: the example of the documentation reads it, a webhook is sent it, and both get
// what they missed.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SiemCredential, SiemForwarder } from '@mcpshield/contracts/siem'
import { certificateAuthority } from '@mcpshield/testkit/certificates'
import { httpOf, type Http } from './http.ts'
import { createPerson } from './people.ts'
import { startProduct, type Product } from './product.ts'

let product: Product
let http: Http
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mcpshield-siem-'))
  product = await startProduct(21_000, { env: { FORWARDER_EGRESS: 'localhost' } })
  http = httpOf(product.stack.api)
  await product.demo.api.send('POST', '/billing/subscribe', { plan: 'enterprise' })
  await product.setPolicy('version: 1\ndefault: deny\nrules: []\n')
})
afterAll(async () => {
  await product[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const api = <T>(method: 'POST' | 'DELETE', path: string, body?: object) =>
  product.demo.api.send<T>(method, path, body)

/** A call that is decided; answers the decision's id. */
async function decide(tool: string): Promise<string> {
  const answer = await http({
    method: 'POST',
    path: '/policy/evaluate',
    key: product.demo.account.api_key,
    body: { tool, arguments: {} },
  })
  return answer.json<{ decision_id: string }>().decision_id
}

type Printed = { id: string; phase: string; decision: string; tool: string }

/** docs/siem/consumer.js as it is, by the name that its library has on npm. */
function startExample(creds: string, connection: object): { child: ChildProcess; printed: Printed[] } {
  const [credsFile, connectionFile] = [join(folder, 'siem.creds'), join(folder, 'siem.json')]
  writeFileSync(credsFile, creds)
  writeFileSync(connectionFile, JSON.stringify(connection))
  const names = `import { registerHooks } from 'node:module'
    registerHooks({ resolve: (name, context, next) => next(name === '@nats-io/transport-node' ? 'nats' : name, context) })`
  const program = join(import.meta.dirname, '../../docs/siem/consumer.js')
  const preload = `data:text/javascript,${encodeURIComponent(names)}`
  const child = spawn(process.execPath, ['--import', preload, program, credsFile, connectionFile], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const printed: Printed[] = []
  createInterface({ input: child.stdout }).on('line', (line) => printed.push(JSON.parse(line) as Printed))
  return { child, printed }
}

test('the documented consumer reads decisions, and after an outage those that it missed', async () => {
  const { creds, ...credential } = await api<SiemCredential & { creds: string }>(
    'POST',
    '/organization/siem-credentials',
    { name: 'Example' },
  )
  const first = startExample(creds, credential.connection)
  const seen = await decide('files/first')
  await expect.poll(() => first.printed.map(({ id }) => id), { timeout: 20_000 }).toContain(seen)
  expect(first.printed.find(({ id }) => id === seen)).toMatchObject({ decision: 'deny', tool: 'files/first' })
  first.child.kill('SIGKILL')
  await once(first.child, 'exit')

  const missed = [await decide('files/missed'), await decide('files/missed-too')]
  const second = startExample(creds, credential.connection)
  await expect
    .poll(() => second.printed.map(({ id }) => id).filter((id) => missed.includes(id)), { timeout: 40_000 })
    .toEqual(missed)

  const ended = once(second.child, 'exit')
  await api('DELETE', `/organization/siem-credentials/${credential.id}`)
  await ended
  const { items } = await product.demo.api.get<{ items: SiemCredential[] }>('/organization/siem-credentials')
  expect(items.map(({ id, state }) => [id, state])).toEqual([
    [credential.id, expect.stringMatching(/^revok(ed|ing)$/) as string],
  ])
})

test('a webhook is sent decisions, signed', async () => {
  const authority = certificateAuthority()
  const bodies: { body: string; headers: Record<string, string> }[] = []
  const server = createServer(authority.issue({ dnsNames: ['localhost'] }), (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      bodies.push({
        body: Buffer.concat(chunks).toString(),
        headers: request.headers as Record<string, string>,
      })
      response.writeHead(204).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `https://localhost:${(server.address() as AddressInfo).port}/`
  const destination = { kind: 'webhook', url, ca_certificate: authority.certificate }
  const { id, signing_secret } = await api<SiemForwarder & { signing_secret: string }>(
    'POST',
    '/organization/siem-forwarders',
    { name: 'Collector', destination },
  )
  const decided = await decide('files/forwarded')
  await expect.poll(() => bodies.some(({ body }) => body.includes(decided)), { timeout: 20_000 }).toBe(true)
  const told = bodies.find(({ body }) => body.includes(decided))!
  expect(new Webhook(signing_secret).verify(told.body, told.headers)).toContainEqual(
    expect.objectContaining({
      class_uid: 6003,
      metadata: expect.objectContaining({ uid: decided }) as object,
    }),
  )
  const tried = await api<{ ok: boolean }>('POST', `/organization/siem-forwarders/${id}/test`, {})
  expect(tried.ok).toBe(true)
  await api('DELETE', `/organization/siem-forwarders/${id}`)
  server.close()
  server.closeAllConnections()
})

test('an organisation of another plan is told which one has it', async () => {
  const { token } = await createPerson(product.stack, http, 'Free')
  const destination = { kind: 'webhook', url: 'https://example.com/' }
  for (const [path, body] of [
    ['/organization/siem-credentials', { name: 'No' }],
    ['/organization/siem-forwarders', { name: 'No', destination }],
  ] as const) {
    const answer = await http({ method: 'POST', path, token, body })
    expect(answer.status).toBe(402)
    expect(answer.json()).toMatchObject({ type: expect.stringContaining('plan_limit_siem') as string })
    expect((await http({ method: 'GET', path, token })).json()).toMatchObject({ items: [] })
  }
})
