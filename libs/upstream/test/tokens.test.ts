// Upstreams behind OAuth: the token goes along, is renewed when it is refused, and no client's credentials ever do.
import { afterEach, expect, test } from 'vitest'
import { AppError } from '@mcpshield/contracts/errors'
import type { TokenSource } from '../src/upstream.ts'
import { json, modernServer, type Respond, type ScriptedServer } from './scripted-server.ts'
import { connect, speakerOf, within } from './speakers.ts'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

async function start(respond: Respond, tokens: TokenSource) {
  const server = await modernServer(respond)
  const upstream = connect(server.url, {
    tokens,
    headers: { Authorization: 'Bearer named', 'x-secret': 's' },
  })
  open.push(server, upstream)
  return { server, peer: await upstream.peer(speakerOf('modern')) }
}

function source(first = 't1'): TokenSource & { renewals: [string, string | undefined][] } {
  let current = first
  const renewals: [string, string | undefined][] = []
  return {
    renewals,
    token: () => Promise.resolve(current),
    renew(refused, challenge) {
      renewals.push([refused, challenge])
      current = `t${renewals.length + 1}`
      return Promise.resolve(current)
    },
  }
}

const sent = (server: ScriptedServer) => server.of('prompts/get').map(({ headers }) => headers.authorization)
const ask = { name: 'x' }

test('the token goes along with each request, in place of a header that was named', async () => {
  const { server, peer } = await start(
    ({ message: { id } }, response) => json(response, { id, result: {} }),
    source(),
  )
  await peer.request('prompts/get', ask, within)
  expect(server.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer t1', 'Bearer t1'])
  expect(server.seen[0]?.headers).toMatchObject({ 'x-secret': 's' })
})

test.for([
  [401, 'Bearer resource_metadata="https://up/meta"'],
  [403, 'Bearer error="insufficient_scope", scope="more"'],
] as const)(
  'a %i is answered with another token, and the request sent once more',
  async ([status, challenge]) => {
    const tokens = source()
    const { server, peer } = await start(({ message: { id }, headers }, response) => {
      if (headers.authorization === 'Bearer t1')
        return void response.writeHead(status, { 'www-authenticate': challenge }).end()
      json(response, { id, result: {} })
    }, tokens)
    await expect(peer.request('prompts/get', ask, within)).resolves.toEqual({ result: {} })
    expect(sent(server)).toEqual(['Bearer t1', 'Bearer t2'])
    expect(tokens.renewals).toEqual([['t1', challenge]])
  },
)

test('a server that refuses every token is asked three times in all', async () => {
  const tokens = source()
  const { server, peer } = await start((_seen, response) => void response.writeHead(401).end(), tokens)
  await expect(peer.request('prompts/get', ask, within)).rejects.toMatchObject({
    message: expect.stringContaining('401'),
  })
  expect(sent(server)).toEqual(['Bearer t1', 'Bearer t2', 'Bearer t3'])
})

test('a 403 for another reason is no reason for another token', async () => {
  const tokens = source()
  const { peer } = await start((_seen, response) => void response.writeHead(403).end(), tokens)
  await expect(peer.request('prompts/get', ask, within)).rejects.toMatchObject({
    message: expect.stringContaining('403'),
  })
  expect(tokens.renewals).toEqual([])
})

test('without a token the request goes without, so that the server tells where one is to be had', async () => {
  const { server, peer } = await start(
    ({ message: { id } }, response) => json(response, { id, result: {} }),
    source(''),
  )
  await peer.request('prompts/get', ask, within)
  expect(sent(server)).toEqual([undefined])
})

test('why there is no token is not told to clients, unless it is meant for them', async () => {
  const failing = (error: Error): TokenSource => ({
    token: () => Promise.reject(error),
    renew: () => Promise.reject(error),
  })
  await expect(start(() => undefined, failing(new Error('secret')))).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'The upstream up is not authorised.',
  })
  const said = new AppError('EXPIRED', 'A person must authorise the upstream again.')
  await expect(start(() => undefined, failing(said))).rejects.toBe(said)
})
