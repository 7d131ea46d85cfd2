// Odd traffic through the whole product in which each thing that must not be told anywhere is a word of its own.
import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { httpOf } from './http.ts'
import { openSpeaker } from './mcp-wire.ts'
import { createPerson, signIn } from './people.ts'
import type { Product } from './product.ts'
import type { RecordingUpstream } from './recording-upstream.ts'

export type Canary = { what: string; secret: string }

/** What is written late is waited for. */
const SETTLES_MS = 1_500

/** Whatever is answered is right: only what is written down of it matters. */
export async function sendCanaries(product: Product, upstream: RecordingUpstream): Promise<Canary[]> {
  const canaries: Canary[] = []
  const canary = (what: string, form = (random: string) => random) => {
    const secret = form(`canary${randomBytes(9).toString('hex')}`)
    canaries.push({ what, secret })
    return secret
  }
  await people(product, canary)
  await systems(product, upstream, canary)
  await calls(product, upstream, canary)
  await faults(product, canary)
  await sleep(SETTLES_MS)
  return canaries
}

type Make = (what: string, form?: (random: string) => string) => string

async function people({ stack }: Product, canary: Make): Promise<void> {
  const http = httpOf(stack.api)
  const post = (path: string, body: object) => http({ method: 'POST', path, body })
  const password = canary('a new password', (word) => `${word}-Walks-27`)
  const email = canary('an address', (word) => `${word}@example.com`)
  await post('/auth/register', { email, password, first_name: canary('a first name'), last_name: 'Person' })
  await post('/auth/login', { email, password: canary('a wrong password') })
  await post('/auth/otp/verify', { email, purpose: 'verify_email', code: canary('a wrong code') })
  await post('/auth/refresh', { refresh_token: canary('a refresh token') })
  const person = await createPerson(stack, http, 'Canary')
  const token = await signIn(http, person.email)
  await http({
    method: 'POST',
    path: '/me/password',
    token,
    body: { current_password: canary('a wrong current password'), new_password: canary('a password to be') },
  })
  for (const authorization of [`Bearer ${canary('a made-up token')}`, `Basic ${canary('basic credentials')}`])
    await http({ method: 'GET', path: '/projects', headers: { authorization } })
  await http({ method: 'GET', path: `/projects?cursor=${canary('a cursor')}`, token })
  await http({ method: 'GET', path: `/${canary('a path')}/x`, token })
}

async function systems({ demo, at }: Product, upstream: RecordingUpstream, canary: Make): Promise<void> {
  const send = (method: 'POST' | 'PUT', path: string, body: object, headers = {}) =>
    demo.api.send(method, at + path, body, headers).catch(() => undefined)
  await send('POST', '/upstreams', {
    slug: 'canary',
    transport: 'http',
    url: `${upstream.url}?token=${canary('a token in an upstream’s URL')}`,
    headers: { authorization: `Bearer ${canary('an upstream’s credentials')}` },
  })
  await send('POST', '/upstreams', {
    slug: 'dead',
    transport: 'http',
    url: `http://127.0.0.1:9/${canary('the path of an upstream that is away')}`,
  })
  const database = canary('a database password')
  await send('POST', '/connections', {
    name: 'away',
    kind: 'postgresql',
    url: `postgresql://somebody:${database}@127.0.0.1:9/db`,
  })
  await send('POST', '/keys', { name: canary('the name of a key') })
  const comment = canary('a comment in a policy')
  const rules = `  - { id: ${canary('a rule')}, tool: "rec/safe_echo", decision: allow }\n`
  const orders = `  - { id: orders, tool: postgres.query, decision: allow }\n  - { id: rest, tool: "*/*", decision: allow }\n`
  await send('PUT', '/policy', { policy_yaml: `# ${comment}\nversion: 1\nrules:\n${rules}${orders}` }, ANY)
  await send('PUT', '/policy', { policy_yaml: `version: 1\nrules: [${canary('a broken policy')}` }, ANY)
  await sleep(1_000)
}

const ANY = { 'if-match': '*' }

async function calls({ stack, demo }: Product, upstream: RecordingUpstream, canary: Make): Promise<void> {
  const { api_key: key } = demo.account
  upstream.answer = { content: [{ type: 'text', text: canary('what an upstream answers') }] }
  for (const era of ['modern', 'legacy'] as const) {
    const speaker = await openSpeaker({
      url: stack.mcp,
      key,
      era,
      withSession: true,
      name: canary('a client’s name'),
    })
    const call = (name: string, args: object) =>
      speaker.send('tools/call', { name, arguments: { ...args } }).catch(() => undefined)
    await call('rec__safe_echo', {
      text: canary('an argument'),
      password: canary('a password as an argument'),
    })
    await call('canary__safe_echo', { text: canary('an argument to a secret upstream') })
    await call('dead__tool', { text: canary('an argument to nobody') })
    await call(canary('a tool that is not there'), {})
    const value = canary('a value in a statement')
    await call('postgres__query', {
      sql: `select id from orders where note = '${value}'`,
      connection: 'shop',
    })
    await call('postgres__query', { sql: `select 1/0 as x, '${value}'`, connection: 'shop' })
    await call('postgres__query', { sql: `selec ${canary('a broken statement')}`, connection: 'shop' })
    await call('postgres__query', { sql: 'select 1', connection: 'away' })
    await speaker.send('resources/read', { uri: `file:///${canary('a URI')}` }).catch(() => undefined)
    await speaker.send(canary('a method'), { x: canary('a parameter') }).catch(() => undefined)
    await speaker.raw(`{"jsonrpc":"2.0","id":1,"method":"${canary('broken JSON')}`).catch(() => undefined)
  }
  for (const mood of ['nonsense', 'error-status', 'cut-off'] as const) {
    upstream.mood = mood
    const speaker = await openSpeaker({ url: stack.mcp, key, era: 'modern' })
    await speaker
      .send('tools/call', {
        name: 'rec__safe_echo',
        arguments: { text: canary(`an argument, upstream ${mood}`) },
      })
      .catch(() => undefined)
  }
  upstream.mood = 'good'
  const stranger = await openSpeaker({
    url: stack.mcp,
    key: canary('a key that is none', (word) => `mcps_${word}`),
    era: 'modern',
  })
  await stranger.send('tools/list').catch(() => undefined)
  await fetch(`${stack.decisions}/policy/evaluate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': key },
    body: JSON.stringify({ tool: 'a/b', arguments: { token: canary('an argument to be evaluated') } }),
  })
}

/** With a store away, errors speak of what they were doing. */
async function faults({ stack, demo, at }: Product, canary: Make): Promise<void> {
  const { api_key: key } = demo.account
  const pid = stack.pids()['redis']
  if (pid === undefined) throw new Error('redis does not run')
  process.kill(pid, 'SIGSTOP')
  try {
    await Promise.all([
      httpOf(stack.api)({
        method: 'POST',
        path: '/auth/login',
        body: { email: `${randomUUID()}@example.com`, password: canary('a password while Redis is away') },
      }).catch(() => undefined),
      openSpeaker({ url: stack.mcp, key, era: 'modern' }).then((speaker) =>
        speaker
          .send('tools/call', {
            name: 'rec__safe_echo',
            arguments: { text: canary('an argument while Redis is away') },
          })
          .catch(() => undefined),
      ),
    ])
  } finally {
    process.kill(pid, 'SIGCONT')
  }
  await demo.api.get(`${at}/upstreams`).catch(() => undefined)
}
