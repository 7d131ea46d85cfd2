// Whatever is sent to the API, by whomever: an answer that its document declares, never a bug. Requests are made from
// the document; a failure names the seed with which it comes again (API_PROPERTY_SEED). API_PROPERTY_RUNS makes more of
// them, API_PROPERTY_STATUSES shows what was answered.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { problemsOf } from '../json-schema.ts'
import { requestOf, type MadeRequest } from '../openapi-arbitrary.ts'
import { operationsOf, ownDocument, type Operation } from '../openapi.ts'
import { httpOf, type Credential, type Http, type HttpAnswer } from './http.ts'
import { createPerson, signIn } from './people.ts'
import { sampleBodies } from './sample-bodies.ts'
import { startProduct, type Product } from './product.ts'
import { createTenant, type Tenant } from './tenants.ts'

const RUNS = Number(process.env.API_PROPERTY_RUNS ?? 40)
const SEED = Number(process.env.API_PROPERTY_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** Refusals that any route may give, before anybody looks at what is asked. */
const GENERIC = [400, 401, 404, 405, 413, 415, 429]
/** They end a session, or take away what the others need: asked by people and with things made for them. */
const DESTRUCTIVE = new Set([
  'deleteMe',
  'deleteProject',
  'endSession',
  'endAllSessions',
  'endOneSession',
  'removeMember',
  'updateMember',
  'revokeKey',
  'updateKey',
  'deleteUpstream',
  'deleteConnection',
  'refuseCall',
  'revokeInvitation',
  'cancelSubscription',
  'subscribe',
])
/** Nobody guesses a password, a code or a token. */
const SECRET = new Set([
  'registerUser',
  'refreshSession',
  'verifyOtp',
  'resetPassword',
  'deleteMe',
  'changePassword',
  'changeEmail',
  'enrolTotp',
  'removeTotp',
  'renewRecoveryCodes',
  'joinOrganization',
  'finishUpstreamAuthorization',
  'replayDeadLetter',
])
/** They want an authorisation server, or a public address: their own tests have these. */
const OUT_OF_REACH = new Set(['authorizeUpstream', 'getOAuthClient', 'testSiemForwarder'])
/** Words that only our own code and stores say. */
const INTERNAL =
  /\n\s+at |node_modules|\.ts:\d+|SQLSTATE|syntax error at or near|DriverException|ClickHouse|ZodError|TypeError|ECONN|ioredis|MikroORM/

const document = ownDocument()
const { schemas } = document.components
/** After these there is less to ask for; a plan is given up when there are few enough projects for it. */
const LAST = [
  'endOneSession',
  'deleteProject',
  'cancelSubscription',
  'subscribe',
  'endSession',
  'endAllSessions',
  'deleteMe',
]
const operations = operationsOf(document)
  .sort((a, b) => LAST.indexOf(a.id) - LAST.indexOf(b.id))
  .map((each) => [`${each.method} ${each.path}`, each] as const)

/** Operation → how often each status was the answer. */
const seen = new Map<string, Map<number, number>>()

type Who = 'owner' | 'viewer' | 'key' | 'operator' | 'nobody'
const WHO: Who[] = ['owner', 'viewer', 'key', 'operator', 'nobody']
const MAY = { user: 'owner', api_key: 'key', operator: 'operator' } as const
const OPERATOR_TOKEN = 'ab'.repeat(32)

let product: Product
let http: Http
let kept: Tenant
let spent: Tenant
/** More people like the owner, so that a limit of one of them is not in the way. */
let owners: Credential[]

beforeAll(async () => {
  Object.assign(process.env, { TRUST_PROXY: 'loopback', MAIL_PORT: '21013', OPERATOR_TOKEN })
  product = await startProduct(21_010)
  http = httpOf(product.stack.api)
  kept = await createTenant(product.stack, http)
  spent = await createTenant(product.stack, http)
  owners = [{ token: kept.owner.token }, { token: await signIn(http, kept.owner.email) }]
  owners.push({ token: (await createPerson(product.stack, http, 'Bob')).token })
})
afterAll(async () => {
  await product[Symbol.asyncDispose]()
})

/** Mostly who may, so that the request gets far. */
function senderOf({ callers }: Operation): fc.Arbitrary<Who> {
  const good: Who[] = callers.map((each) => MAY[each])
  return fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...(good.length === 0 ? (['nobody'] as const) : good)) },
    { weight: 1, arbitrary: fc.constantFrom(...WHO) },
  )
}

async function credentialOf(who: Who, operation: Operation): Promise<Credential> {
  const tenant = DESTRUCTIVE.has(operation.id) ? spent : kept
  switch (who) {
    case 'owner':
      if (tenant === kept) return owners[Math.floor(Math.random() * owners.length)] ?? {}
      return { token: await openSession(tenant) }
    case 'viewer':
      return { token: tenant.viewer.token }
    case 'key':
      return { key: tenant.apiKey }
    case 'operator':
      return { token: OPERATOR_TOKEN }
    case 'nobody':
      return {}
    default:
      return who satisfies never
  }
}

/** A token of the owner that was still good when last looked at: what ended it may have been the test. */
async function openSession({ owner }: Tenant): Promise<string> {
  const { status } = await http({ method: 'GET', path: '/me', token: owner.token })
  if (status === 401) owner.token = await signIn(http, owner.email).catch(() => owner.token)
  return owner.token
}

/** A body that names a project names one that is there. */
function ofProject(body: object, { things }: Tenant): object {
  return 'project_id' in body ? { ...body, project_id: things.project_id } : body
}

function check(operation: Operation, answer: HttpAnswer): void {
  const { status, text, headers } = answer
  const counts = seen.get(operation.id) ?? new Map<number, number>()
  seen.set(operation.id, counts.set(status, (counts.get(status) ?? 0) + 1))
  const shown = `${status} ${text.slice(0, 1_000)}`
  expect([...operation.answers.keys(), ...GENERIC], shown).toContain(status)
  expect(status, shown).toBeLessThan(500)
  expect(INTERNAL.test(text), shown).toBe(false)
  expect(headers['x-request-id'], shown).toBeDefined()
  if (status >= 400) checkProblem(answer, shown)
  else if (status === 204) expect(text).toBe('')
  else {
    const schema = operation.answers.get(status)
    if (schema !== undefined) expect(problemsOf(answer.json(), schema, schemas), shown).toEqual([])
  }
}

function checkProblem(answer: HttpAnswer, shown: string): void {
  expect(String(answer.headers['content-type']), shown).toMatch(/^application\/problem\+json/)
  const problem = answer.json<{ status: number; request_id: string; type: string }>()
  const { Problem } = schemas
  if (Problem === undefined) throw new Error('the document has no Problem')
  expect(problemsOf(problem, Problem, schemas), shown).toEqual([])
  expect(problem.status).toBe(answer.status)
  expect(problem.type).toMatch(/^urn:mcpshield:error:[a-z_]+$/)
  expect(problem.request_id).toBe(answer.headers['x-request-id'])
  if (answer.status === 429) expect(Number(answer.headers['retry-after']), shown).toBeGreaterThan(0)
}

async function send(operation: Operation, made: MadeRequest, who: Who): Promise<HttpAnswer> {
  const { path, headers, body } = made
  return http({
    method: operation.method,
    path,
    headers,
    ...(body === undefined ? {} : { body }),
    ...(await credentialOf(who, operation)),
  })
}

describe(`whatever is sent (seed ${SEED})`, () => {
  test.for(operations)('to %s, the answer is one that is declared', async ([, operation]) => {
    const tenant = DESTRUCTIVE.has(operation.id) ? spent : kept
    const sample = SECRET.has(operation.id) ? undefined : sampleBodies[operation.id]
    const request = requestOf(operation, schemas, {
      known: tenant.things,
      sample: sample === undefined ? undefined : () => ofProject(sample(tenant.owner), tenant),
    })
    await fc.assert(
      fc.asyncProperty(request, senderOf(operation), async (made, who) => {
        check(operation, await send(operation, made, who))
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: true, interruptAfterTimeLimit: 20_000 },
    )
  })

  test.for([
    '/',
    '/nothing',
    '/projects/../../me',
    '//',
    '/%',
    '/audits/live/x',
    '/openapi.json',
    '/docs/..%2f',
  ])('to %s by any method, nothing breaks', async (path) => {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND']) {
      const answer = await http({ method, path })
      expect([200, 204, 400, 401, 404, 405, 415], `${method} ${path}`).toContain(answer.status)
    }
  })
})

test('every operation but those that ask for a secret has also been done', () => {
  const undone = operations
    .filter(([, { id }]) => ![...(seen.get(id)?.keys() ?? [])].some((status) => status < 300))
    .map(([, { id }]) => id)
    .filter((id) => !SECRET.has(id) && !OUT_OF_REACH.has(id))
  if (process.env.API_PROPERTY_STATUSES !== undefined)
    for (const [id, counts] of seen) console.log(id, Object.fromEntries(counts))
  expect(undone).toEqual([])
})

test('afterwards the product is as well as before, and has told nobody of a bug', async () => {
  const health = await http({ method: 'GET', path: '/health' })
  expect(health.status, health.text).toBe(200)
  // As a program beside it: who comes through a proxy, as the others here do, is told nothing.
  const metrics = await (await fetch(`${product.stack.api}/metrics`)).text()
  expect(metrics).toContain('mcpshield_http_request_seconds_count{')
  const failures = metrics
    .split('\n')
    .filter((line) => /^mcpshield_http_request_seconds_count\{.*status="5\d\d"/.test(line))
  expect(failures).toEqual([])
})
