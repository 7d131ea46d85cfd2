// Raw abuse over real sockets: what is malformed, mislabelled or stolen is refused, and nothing of it reaches a server.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startFixture, type Fixture } from '../mcp/fixture-server.ts'
import { problemsOf, type CaseWorld, type McpCase } from './mcp-case.ts'
import { openSpeaker, type Json, type Speaker } from './mcp-wire.ts'
import { startWorld, type Key, type World, type WorldProject } from './mcp-world.ts'
import { ownCases } from './own-mcp-cases.ts'
import { sendRaw } from './raw-http.ts'

const SLUG = 'cases'
const ALLOWED_ORIGIN = 'https://app.example.com'
/** Beside the project, where somebody has them. */
const SHARED = join(import.meta.dirname, '../../../shared/cases/mcp.jsonl')

let world: World
let project: WorldProject
let fixture: Fixture
let cases: CaseWorld

beforeAll(async () => {
  process.env['ALLOWED_ORIGINS'] = ALLOWED_ORIGIN
  world = await startWorld(22_120)
  fixture = await startFixture()
  project = await world.project('abuse')
  await project.addUpstream(SLUG, { url: fixture.url })
  const b = await project.addKey({ name: 'b' })
  await project.policy(
    `{ tool: "${SLUG}/danger_delete", decision: allow, conditions: { key: b } }`,
    `{ tool: "${SLUG}/danger_delete", decision: deny }`,
    `{ tool: "${SLUG}/safe_echo", decision: allow }`,
    `{ tool: "${SLUG}/region_query", decision: allow }`,
    `{ tool: ["${SLUG}/test_input_required_result_request_state", "${SLUG}/slow_compute"], decision: allow }`,
    `{ method: "tasks/*", tool: "${SLUG}/*", decision: allow }`,
  )
  cases = {
    port: Number(new URL(world.stack.mcp).port),
    slug: SLUG,
    placeholders: await placeholders(b),
    calls: () => fixture.calls(),
    forget: () => fixture.forget(),
  }
})
afterAll(async () => {
  await world?.[Symbol.asyncDispose]()
  await fixture?.[Symbol.asyncDispose]()
})

async function placeholders(b: Key): Promise<Record<string, string>> {
  const a = project.key
  const [ofA, ofB, ended, elsewhere] = [
    await owned(a),
    await owned(b),
    await session(a),
    await project.addKey({ name: 'elsewhere', upstreams: ['another'] }),
  ]
  await ended.end()
  const revoked = await project.addKey({ name: 'revoked' })
  await project.send('DELETE', `/keys/${revoked.id}`)
  const stranger = await (await world.project('strangers')).addKey()
  return {
    PORT: new URL(world.stack.mcp).port,
    ALLOWED_ORIGIN,
    TOKEN_A: a.secret,
    TOKEN_A_UPPER: a.secret.toUpperCase(),
    TOKEN_B: b.secret,
    TOKEN_REVOKED: revoked.secret,
    TOKEN_STRANGER: stranger.secret,
    TOKEN_ELSEWHERE: elsewhere.secret,
    SESSION_ELSEWHERE: (await openSession(elsewhere, project.url())).session ?? '',
    TOKEN_UNSIGNED: jwt({ alg: 'none' }, ''),
    // An issuer is only trusted where a project names it: here, as good as any other token.
    TOKEN_A_OTHER_AUDIENCE: jwt({ alg: 'ES256' }, 'c2lnbmF0dXJl'),
    SESSION_A: ofA.session,
    SESSION_B: ofB.session,
    SESSION_ENDED: ended.session ?? '',
    STATE_A: ofA.state,
    STATE_B: ofB.state,
    STATE_BARE: await bareState(),
    TASK_A: ofA.task,
    TASK_B: ofB.task,
    TASK_BARE: fixture.world.tasks.list()[0]?.id ?? '',
    EVENT_B: await eventOf(b, ofB.session),
    QUESTION_B: 'aaaaaaaaaaaa.1',
  }
}

const openSession = (key: Key, url: string): Promise<Speaker> =>
  openSpeaker({ url, key: key.secret, era: 'legacy', withSession: true })
const session = (key: Key) => openSession(key, project.url(SLUG))

/** What only this key may use: a session, a state and a task. */
async function owned(key: Key): Promise<{ session: string; state: string; task: string }> {
  const speaker = await session(key)
  const modern = await openSpeaker({
    url: project.url(SLUG),
    key: key.secret,
    era: 'modern',
    capabilities: { elicitation: { form: {} } },
    name: 'abuse',
  })
  const asked = await modern.send('tools/call', {
    name: 'test_input_required_result_request_state',
    arguments: {},
  })
  const made = await speaker.send('tools/call', {
    name: 'slow_compute',
    arguments: { seconds: 0 },
    task: { ttl: 60_000 },
  })
  const task = made.result?.['task'] as Json | undefined
  return {
    session: speaker.session ?? '',
    state: given(asked.result?.['requestState'], asked.text),
    task: given(task?.['taskId'], made.text),
  }
}

/** The state that the server makes for somebody who speaks to it directly. */
async function bareState(): Promise<string> {
  const direct = await openSpeaker({
    url: fixture.url,
    key: '',
    era: 'modern',
    capabilities: { elicitation: { form: {} } },
  })
  const asked = await direct.send('tools/call', {
    name: 'test_input_required_result_request_state',
    arguments: {},
  })
  return given(asked.result?.['requestState'], asked.text)
}

/** The id of the first event on the stream of a session. */
async function eventOf(key: Key, sessionId: string): Promise<string> {
  const { body } = await sendRaw(Number(new URL(world.stack.mcp).port), {
    method: 'GET',
    path: `/mcp/${SLUG}`,
    headers: {
      accept: 'text/event-stream',
      'x-api-key': key.secret,
      'mcp-session-id': sessionId,
      'mcp-protocol-version': '2025-11-25',
    },
    body: Buffer.alloc(0),
  })
  return given(/^id: (\S+)/m.exec(body)?.[1], body)
}

function given(value: unknown, from: string): string {
  if (typeof value !== 'string') throw new Error(`not there: ${from}`)
  return value
}

function jwt(header: object, signature: string): string {
  const claims = {
    iss: 'https://issuer.example',
    aud: 'https://other.example/mcp',
    sub: 'ada',
    exp: Math.floor(Date.now() / 1000) + 600,
  }
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ typ: 'at+jwt', ...header })}.${part(claims)}.${signature}`
}

describe('abuse of our own', () => {
  test.for(ownCases)('$id: $description', async (each) => {
    expect(await problemsOf(cases, each)).toEqual([])
  })
})

const shared = existsSync(SHARED)
  ? readFileSync(SHARED, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as McpCase)
  : []
describe.skipIf(shared.length === 0)('the common cases', () => {
  test.for(shared)('$id: $description', async (each) => {
    expect(await problemsOf(cases, each)).toEqual([])
  })
})

test('abuse leaves the gateway as it was: who behaves is served', async () => {
  const speaker = await session(project.key)
  const { result } = await speaker.send('tools/call', {
    name: 'safe_echo',
    arguments: { text: 'still here' },
  })
  expect(result?.['content']).toEqual([{ type: 'text', text: 'still here' }])
})
