// Every route of the OpenAPI document, asked by everybody who must not: a stranger, a member without the right, who has
// a revoked key, a key of another project, an ended session, or nothing at all. What to send is made from the
// document; a route that this walk does not know how to ask fails it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hasRight, type Right } from '@mcpshield/contracts/rights'
import { operationsOf, ownDocument, type ApiDocument, type Operation } from '../openapi.ts'
import { httpOf, type Credential, type Http, type HttpAnswer } from './http.ts'
import { createPerson, send, signIn, type Person } from './people.ts'
import { startProduct, type Product } from './product.ts'
import { sampleBodies } from './sample-bodies.ts'
import { createTenant, type Tenant, type Things } from './tenants.ts'

/** Routes that anybody may ask. A new one is named here, or fails. */
const PUBLIC = [
  'createSession',
  'finishUpstreamAuthorization',
  'getOAuthClient',
  'getSigningKeys',
  'listPlans',
  'refreshSession',
  'registerUser',
  'requestOtp',
  'resetPassword',
  'verifyOtp',
]
/** Routes that ask for a right by themselves, because who may is not a matter of the role alone. */
const ASK_THEMSELVES = ['removeMember']
/** Routes whose thing is one person's: another member of the organisation is told that it is not there. */
const OF_ONE_PERSON = ['getConversation']
/** Routes that a key may ask, to be told that it may not: who asks for a call never decides it. */
const NEVER_BY_KEYS = ['approveCall', 'refuseCall']

const operations = operationsOf(ownDocument())
const walk = (which: (operation: Operation) => boolean) =>
  operations.filter(which).map((operation) => [`${operation.method} ${operation.path}`, operation] as const)
const takes = (operation: Operation, caller: Operation['callers'][number]) =>
  operation.callers.includes(caller)
const namesThing = (operation: Operation) => operation.parameters.some((each) => each.in === 'path')

let product: Product
let http: Http
let first: Tenant
let second: Tenant

beforeAll(async () => {
  Object.assign(process.env, { TRUST_PROXY: 'loopback', MAIL_PORT: '21003' })
  product = await startProduct(21_000)
  http = httpOf(product.stack.api)
  first = await createTenant(product.stack, http)
  second = await createTenant(product.stack, http)
})
afterAll(async () => {
  await product[Symbol.asyncDispose]()
})

/** A good request of an operation for these things, in the name of somebody. */
function asking(
  operation: Operation,
  things: Things,
  sender: Person,
  credential: Credential,
): Parameters<Http>[0] {
  const path = operation.path.replace(/\{([^}]+)\}/g, (_, name: string) => idOf(things, name))
  const body = bodyOf(operation, sender)
  return {
    method: operation.method,
    path: path + queryOf(operation, things),
    headers: operation.parameters.some((each) => each.name === 'if-match') ? { 'if-match': '*' } : {},
    ...(body === undefined ? {} : { body }),
    ...credential,
  }
}

function idOf(things: Things, name: string): string {
  const id = things[name as keyof Things] as string | undefined
  if (id === undefined) throw new Error(`the walk has no ${name}: give it one in tenants.ts`)
  return id
}

function bodyOf(operation: Operation, sender: Person): object | undefined {
  if (operation.body === undefined) return undefined
  const sample = sampleBodies[operation.id]
  if (sample === undefined) throw new Error(`the walk has no body for ${operation.id}: sample-bodies.ts`)
  return sample(sender)
}

/** What must be in the query, and which project where one may be named. */
function queryOf(operation: Operation, things: Things): string {
  const query = operation.parameters.filter((each) => each.in === 'query')
  const unknown = query.filter((each) => each.required && each.name !== 'project_id')
  if (unknown.length > 0) throw new Error(`the walk does not know what to ask ${operation.id} for`)
  return query.some((each) => each.name === 'project_id') ? `?project_id=${things.project_id}` : ''
}

/** Nothing of the first organisation's is in an answer, but what the asker has sent. */
function expectNothingOf(tenant: Tenant, answer: HttpAnswer, sent: string): void {
  const { mark, things, owner, viewer, editor } = tenant
  const theirs = [mark, ...Object.values(things), owner.email, owner.user_id, viewer.email, editor.email]
  const leaked = theirs.filter(
    (each) => each.length > 4 && !sent.includes(each) && answer.text.includes(each),
  )
  expect(leaked, answer.text.slice(0, 500)).toEqual([])
}

function expectProblem(answer: HttpAnswer, status: number): void {
  expect(answer.status, answer.text.slice(0, 500)).toBe(status)
  expect(String(answer.headers['content-type'])).toMatch(/^application\/problem\+json/)
  expect(answer.json()).toMatchObject({ status, request_id: expect.any(String) as string })
}

/** What the first organisation looks like to its owner. */
async function stateOf({ owner, things }: Tenant): Promise<unknown[]> {
  const at = `/projects/${things.project_id}`
  const paths = [
    '/organization',
    '/organization/members',
    '/organization/invitations',
    '/organization/policy',
    '/billing/subscription',
    '/projects',
    `${at}/policy`,
    `${at}/policy/versions`,
    `${at}/upstreams`,
    `${at}/connections`,
    `${at}/approvals`,
    `${at}/upstreams/${things.upstream_id}/tools`,
    '/me/sessions',
  ]
  const all: unknown[] = await Promise.all(paths.map((path) => send(http, owner.token, 'GET', path)))
  const keys = await send<{ items: object[] }>(http, owner.token, 'GET', `${at}/keys`)
  const text = JSON.stringify([...all, keys])
  return JSON.parse(text, (name, value: unknown) =>
    name === 'last_used_at' || name === 'last_seen_at' ? undefined : value,
  ) as unknown[]
}

test('the document that is served is the one that is walked', async () => {
  const served = (await http({ method: 'GET', path: '/openapi.json' })).json<ApiDocument>()
  expect(operationsOf(served).map(({ id }) => id)).toEqual(operations.map(({ id }) => id))
  expect(operations.length).toBeGreaterThan(60)
})

test('the routes that anybody may ask are these and no others', () => {
  expect(
    operations
      .filter((each) => each.callers.length === 0)
      .map(({ id }) => id)
      .sort(),
  ).toEqual(PUBLIC)
})

describe('a stranger, owner of another organisation, who knows every id', () => {
  let before: unknown[]
  beforeAll(async () => {
    before = await stateOf(first)
  })

  test.for(walk((each) => takes(each, 'user') && namesThing(each)))(
    'is told by %s that there is no such thing',
    async ([, operation]) => {
      const asked = asking(operation, first.things, second.owner, { token: second.owner.token })
      const answer = await http(asked)
      expectProblem(answer, 404)
      expectNothingOf(first, answer, asked.path)
    },
  )

  test.for(walk((each) => takes(each, 'user') && !namesThing(each)))(
    'gets from %s what is their own',
    async ([, operation]) => {
      // What changes something is asked by somebody who is not needed any more.
      const reads = operation.method === 'GET'
      const person = reads ? second.owner : await createPerson(product.stack, http, 'Stranger')
      const asked = asking(operation, first.things, person, { token: person.token })
      const answer = await http(asked)
      expect(answer.status, answer.text.slice(0, 500)).toBeLessThan(500)
      expect([401, 403]).not.toContain(answer.status)
      expectNothingOf(first, answer, asked.path)
      if (reads && answer.status === 200 && asked.path.includes(first.things.project_id))
        expectNothingIn(answer)
    },
  )

  test.for(walk((each) => takes(each, 'api_key')))(
    'with a key of theirs gets nothing by %s',
    async ([, operation]) => {
      const asked = asking(operation, first.things, second.owner, { key: second.apiKey })
      const answer = await http(asked)
      if (namesThing(operation)) expectProblem(answer, 404)
      else expect(answer.status, answer.text.slice(0, 500)).toBeLessThan(300)
      expectNothingOf(first, answer, asked.path)
    },
  )

  test('has changed nothing', async () => {
    expect(await stateOf(first)).toEqual(before)
  })
})

describe('the owner', () => {
  test.for(walk((each) => takes(each, 'user') && each.method === 'GET'))(
    'is given what a stranger is not: %s',
    async ([, operation]) => {
      const answer = await http(asking(operation, first.things, first.owner, { token: first.owner.token }))
      expect(answer.status, answer.text.slice(0, 500)).toBe(200)
    },
  )
})

/** A list without items, a sum without events, a stream that has said nothing, a file without rows. */
function expectNothingIn(answer: HttpAnswer): void {
  if (!/^application\/json(;|$)/.test(String(answer.headers['content-type']))) {
    expect(answer.text.split('\n').filter((line) => line !== '').length).toBeLessThanOrEqual(1)
    return
  }
  const { items, total } = answer.json<{ items?: { count?: number }[]; total?: { count: number } }>()
  if (total === undefined) expect(items).toEqual([])
  else expect(total.count).toBe(0)
}

describe.for<['viewer' | 'editor']>([['viewer'], ['editor']])('a member who is %s', ([role]) => {
  const lacks = ({ right }: Operation) => right !== undefined && !hasRight(role, right as Right)

  test.for(walk((each) => lacks(each) || ASK_THEMSELVES.includes(each.id)))(
    'may not: %s',
    async ([, operation]) => {
      const member = first[role]
      // Of other people there is the owner, whom only an owner could remove.
      const things = { ...first.things, user_id: first.owner.user_id }
      const answer = await http(asking(operation, things, member, { token: member.token }))
      expectProblem(answer, 403)
    },
  )

  test.for(
    walk(
      (each) =>
        takes(each, 'user') &&
        each.method === 'GET' &&
        !lacks(each) &&
        each.id !== 'getUpstreamTools' &&
        !OF_ONE_PERSON.includes(each.id),
    ),
  )('may: %s', async ([, operation]) => {
    const member = first[role]
    const things = { ...first.things, session_id: '' }
    const answer = await http(asking(operation, things, member, { token: member.token }))
    expect(answer.status, answer.text.slice(0, 500)).toBe(200)
  })
})

describe('who has no credential that is good', () => {
  let endedToken: string
  beforeAll(async () => {
    const person = await createPerson(product.stack, http, 'Gone')
    endedToken = await signIn(http, person.email)
    await send(http, endedToken, 'POST', '/auth/logout')
  })

  const closed = walk((each) => each.callers.length > 0)
  const refused = async (operation: Operation, credential: Credential) =>
    expectProblem(await http(asking(operation, first.things, first.owner, credential)), 401)

  test.for(closed)('has none for %s', async ([, operation]) => {
    await refused(operation, {})
  })

  test.for(closed)('has an ended session, a made-up and a changed token for %s', async ([, operation]) => {
    const { token } = first.owner
    const changed = `${token.slice(0, -6)}${token.endsWith('AAAAAA') ? 'BBBBBB' : 'AAAAAA'}`
    for (const wrong of [endedToken, 'garbage', changed]) await refused(operation, { token: wrong })
  })

  test.for(closed)('has a revoked and a made-up key for %s', async ([, operation]) => {
    for (const key of [first.revokedKey, 'mcps_made-up']) await refused(operation, { key })
  })

  test.for(walk((each) => each.callers.length > 0 && !takes(each, 'user')))(
    'has the owner’s token where a token is not what it takes: %s',
    async ([, operation]) => {
      await refused(operation, { token: first.owner.token })
    },
  )

  test.for(walk((each) => each.callers.length > 0 && !takes(each, 'api_key')))(
    'has a good key where a key is not what it takes: %s',
    async ([, operation]) => {
      await refused(operation, { key: first.apiKey })
    },
  )
})

test.for(walk((each) => takes(each, 'api_key') && namesThing(each)))(
  'a key of another project of the same organisation is told by %s that there is no such thing',
  async ([, operation]) => {
    expectProblem(await http(asking(operation, first.things, first.owner, { key: first.otherKey })), 404)
    const own = await http(asking(operation, first.things, first.owner, { key: first.apiKey }))
    if (NEVER_BY_KEYS.includes(operation.id)) expectProblem(own, 403)
    else expect(own.status, own.text.slice(0, 500)).toBe(200)
  },
)
