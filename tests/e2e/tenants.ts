// Two organisations that have nothing to do with each other, each with one of everything; and the people of the first.
import { randomBytes, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { vi } from 'vitest'
import { connectBus } from '@mcpshield/bus/connect'
import { flow } from '@mcpshield/contracts/flow'
import { projects } from '@mcpshield/contracts/projects'
import { silent } from '@mcpshield/testkit/bus'
import type { Stack } from '@mcpshield/infra/dev/stack.ts'
import type { Http } from './http.ts'
import { createMember, createPerson, send, type Person } from './people.ts'

/** Ids of one organisation's things, by the names that the API's paths have for them. */
export type Things = {
  organization_id: string
  project_id: string
  key_id: string
  upstream_id: string
  connection_id: string
  /** Of a held call. */
  approval_id: string
  /** Of a pinned tool. */
  name: string
  invitation_id: string
  user_id: string
  session_id: string
  /** Of the owner with the assistant. */
  conversation_id: string
  credential_id: string
  forwarder_id: string
  /** Of a decision. */
  id: string
  version: string
}

export type Tenant = {
  owner: Person
  editor: Person
  viewer: Person
  things: Things
  apiKey: string
  revokedKey: string
  /** Of another project of the same organisation. */
  otherKey: string
  /** A word in every name that this organisation gave. */
  mark: string
}

type Made = { id: string }

export async function createTenant(stack: Stack, http: Http): Promise<Tenant> {
  const mark = `mark${randomUUID().slice(0, 8)}`
  const owner = await createPerson(stack, http, `Owner-${mark}`)
  const post = <T = Made>(path: string, body: object) => send<T>(http, owner.token, 'POST', path, body)
  const get = <T>(path: string) => send<T>(http, owner.token, 'GET', path)
  await post('/billing/subscribe', { plan: 'enterprise' })
  await send(http, owner.token, 'PATCH', '/organization', { name: `${mark} organisation` })
  const project = await untilUpgraded(() => post('/projects', { name: `${mark} project` }))
  const second = await untilUpgraded(() => post('/projects', { name: `${mark} second` }))
  const at = `/projects/${project.id}`
  const key = await post<Made & { api_key: string }>(`${at}/keys`, { name: `${mark} key` })
  const revoked = await post<Made & { api_key: string }>(`${at}/keys`, { name: `${mark} revoked` })
  const other = await post<{ api_key: string }>(`/projects/${second.id}/keys`, { name: `${mark} other` })
  await send(http, owner.token, 'DELETE', `${at}/keys/${revoked.id}`)
  const upstream = await post(`${at}/upstreams`, {
    slug: 'upstream',
    transport: 'http',
    url: `http://127.0.0.1:1/${mark}`,
  })
  const connection = await post(`${at}/connections`, {
    name: `${mark}`,
    kind: 'sqlite',
    path: `/nonexistent/${mark}.db`,
  })
  const credential = await post('/organization/siem-credentials', { name: `${mark} credential` })
  const forwarder = await post('/organization/siem-forwarders', {
    name: `${mark} forwarder`,
    destination: { kind: 'webhook', url: `https://127.0.0.1:1/${mark}` },
  })
  const viewer = await createMember(stack, http, owner, 'viewer')
  const editor = await createMember(stack, http, owner, 'editor')
  const email = `invited-${mark}@example.com`
  const invitation = await post('/organization/invitations', { email })
  const organization = await get<Made>('/organization')
  const sessions = await get<{ items: Made[] }>('/me/sessions')
  return {
    owner,
    editor,
    viewer,
    apiKey: key.api_key,
    revokedKey: revoked.api_key,
    otherKey: other.api_key,
    mark,
    things: {
      organization_id: organization.id,
      project_id: project.id,
      key_id: key.id,
      upstream_id: upstream.id,
      connection_id: connection.id,
      approval_id: await heldCall(stack, { project_id: project.id, key_id: key.id, mark }),
      name: await pinnedTool(stack, { project_id: project.id, upstream_id: upstream.id, mark }),
      invitation_id: invitation.id,
      user_id: viewer.user_id,
      session_id: sessions.items[0]?.id ?? '',
      credential_id: credential.id,
      forwarder_id: forwarder.id,
      conversation_id: await conversation(http, owner, project.id, mark),
      id: await decidedCall(http, owner, key.api_key, mark),
      version: '1',
    },
  }
}

/** A plan is in force once projects has heard of it. */
const untilUpgraded = (make: () => Promise<Made>) => vi.waitFor(make, { timeout: 10_000, interval: 200 })

/** Asks the assistant, whose built-in templates answer, and finds what was said. */
async function conversation(
  http: Http,
  { token }: Person,
  project_id: string,
  mark: string,
): Promise<string> {
  const body = { project_id, prompt: `Deny the table ${mark}`, source: 'template' }
  // An answer of events: its beginning is enough.
  await http({ method: 'POST', path: '/ai/policies', token, body })
  const path = `/ai/conversations?project_id=${project_id}`
  const { items } = await send<{ items: Made[] }>(http, token, 'GET', path)
  return items[0]?.id ?? ''
}

/** Holds a call as the enforcing gateway does. */
async function heldCall(
  stack: Stack,
  of: { project_id: string; key_id: string; mark: string },
): Promise<string> {
  await using bus = await asGateway(stack)
  const { approval_id } = await bus.call(projects.rpc.requestApproval, {
    project_id: of.project_id,
    digest: randomBytes(32).toString('hex'),
    method: 'tools/call',
    tool: `files/${of.mark}`,
    arguments: { path: of.mark },
    rule: 'ask',
    reason: `It reads ${of.mark}.`,
    policy_version: 1,
    agent: of.mark,
    key_id: of.key_id,
    user: null,
    decision_id: randomUUID(),
    timeout_ms: 3_600_000,
  })
  return approval_id
}

/** Tells of a tool as the enforcing gateway does, which pins it, and of a change of it. */
async function pinnedTool(
  stack: Stack,
  { project_id, upstream_id, mark: name }: { project_id: string; upstream_id: string; mark: string },
): Promise<string> {
  await using bus = await asGateway(stack)
  for (const description of ['One.', 'Another.']) {
    const tools = [{ name, hash: '', definition: { name, description } }]
    await bus.call(projects.rpc.reportTools, { project_id, upstream_id, tools })
  }
  return name
}

function asGateway(stack: Stack) {
  const creds = readFileSync(stack.credsFile('mcp-gateway'), 'utf8')
  const options = { url: stack.backing.natsUrl, creds, name: 'mcp-gateway', log: silent }
  return connectBus(options, flow['mcp-gateway'])
}

/** Decides a call with the key, and waits until it can be read. */
async function decidedCall(http: Http, owner: Person, key: string, mark: string): Promise<string> {
  const body = { tool: `files/${mark}`, arguments: { path: mark } }
  // A key works within a second of its making.
  const decide = async () => {
    const answer = await http({ method: 'POST', path: '/policy/evaluate', key, body })
    if (answer.status !== 200) throw new Error(`evaluating: ${answer.status} ${answer.text}`)
    return answer.json<{ decision_id: string }>().decision_id
  }
  const id = await vi.waitFor(decide, { timeout: 10_000, interval: 100 })
  await vi.waitFor(() => send(http, owner.token, 'GET', `/audits/${id}`), { timeout: 30_000, interval: 100 })
  return id
}
