// The world that the tests of the MCP gateway live in: the whole product once for a file, and in it projects with keys,
// upstreams and policies, all made over the REST API. With MCP_WORLD (JSON, see `Place`) a product that runs already is
// used: the tests of the tests change its gateway.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { openDataDir } from '@mcpshield/infra/dev/data-dir.ts'
import { startStack, type Stack } from '@mcpshield/infra/dev/stack.ts'
import { httpOf, type Http } from './http.ts'
import { openSpeaker, type Json, type Speaker } from './mcp-wire.ts'
import { createPerson, send, type Person } from './people.ts'

/** What is known of a product that runs already. */
export type Place = { api: string; mcp: string; mail: string; natsUrl: string; operatorCreds: string }

export type World = AsyncDisposable & {
  stack: Stack
  http: Http
  owner: Person
  /** As the owner, with whatever must succeed. */
  send<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<T>
  project(name: string): Promise<WorldProject>
}

export type Key = { id: string; secret: string }

export type UpstreamSpec = { url: string } | { command: string; args: string[] }

export type Audit = {
  id: string
  kind: string
  method: string
  tool: string
  arguments: Json | null
  decision: string | null
  rule: string
  reason: string
  outcome: string | null
  redactions: number | null
  approved_by: string | null
  key_id: string | null
}

export type WorldProject = {
  id: string
  /** `/projects/<id>`. */
  at: string
  /** Reaches every upstream. */
  key: Key
  send<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<T>
  addKey(options?: { name?: string; upstreams?: string[] }): Promise<Key>
  /** Resolves with its id, once calls reach it. */
  addUpstream(slug: string, spec: UpstreamSpec): Promise<string>
  /** Saves a policy of these rules, and waits until the gateway decides by it. */
  policy(...rules: string[]): Promise<number>
  /** The same with a `facts:` section, of one line. */
  policyWithFacts(facts: string, ...rules: string[]): Promise<number>
  /** The address of the common endpoint, or of one upstream's. */
  url(slug?: string): string
  /** Waits until a call by this key is decided (or denied) by this rule. */
  untilRule(key: Key, rule: string): Promise<void>
  /** Every record of the project's calls, oldest first, once there are `count` of them. */
  audits(where?: (audit: Audit) => boolean): Promise<Audit[]>
}

/** What is changed is in force everywhere within a second; a loaded machine is given more. */
const IN_FORCE = { timeout: 15_000, interval: 20 }

export async function startWorld(firstPort: number): Promise<World> {
  await using stack = new AsyncDisposableStack()
  const running =
    process.env['MCP_WORLD'] === undefined
      ? await startOwn(stack, firstPort)
      : stackAt(JSON.parse(process.env['MCP_WORLD']) as Place)
  const http = httpOf(running.api)
  const owner = await createPerson(running, http, 'Owner')
  await send(http, owner.token, 'POST', '/billing/subscribe', { plan: 'pro' })
  const kept = stack.move()
  return {
    stack: running,
    http,
    owner,
    send: (method, path, body, headers) => send(http, owner.token, method, path, body, headers),
    project: (name) => createProject(running, http, owner, name),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

async function startOwn(stack: AsyncDisposableStack, firstPort: number): Promise<Stack> {
  const folder = mkdtempSync(join(tmpdir(), 'mcpshield-world-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const dataDir = stack.use(openDataDir(folder))
  const env = {
    ...process.env,
    API_PORT: String(firstPort),
    MCP_PORT: String(firstPort + 1),
    DECISION_PORT: String(firstPort + 2),
    MAIL_PORT: String(firstPort + 3),
    UPSTREAM_TIMEOUT_MS: '10000',
    LOG_LEVEL: 'warn',
  }
  const programsDir = join(import.meta.dirname, '../../node_modules/.cache/mcpshield')
  return stack.use(await startStack({ dataDir, programsDir, env, progress: () => undefined }))
}

/** As much of a stack as the tests need. */
function stackAt({ api, mcp, mail, natsUrl, operatorCreds }: Place): Stack {
  return {
    api,
    mcp,
    mail,
    backing: { natsUrl },
    credsFile: () => operatorCreds,
    pids: () => ({}),
  } as unknown as Stack
}

async function createProject(stack: Stack, http: Http, owner: Person, name: string): Promise<WorldProject> {
  const rest = <T>(method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    send<T>(http, owner.token, method, path, body, headers)
  // A plan is in force once projects has heard of it.
  const { id } = await vi.waitFor(
    () => rest<{ id: string }>('POST', '/projects', { name, environment: 'dev' }),
    IN_FORCE,
  )
  const at = `/projects/${id}`
  const url = (slug?: string) => (slug === undefined ? stack.mcp : `${stack.mcp}/${slug}`)
  const addKey: WorldProject['addKey'] = async ({ name: keyName = 'key', upstreams } = {}) => {
    const made = await rest<{ id: string; api_key: string }>('POST', `${at}/keys`, {
      name: keyName,
      ...(upstreams === undefined ? {} : { upstreams }),
    })
    const key = { id: made.id, secret: made.api_key }
    const speaker = await speakerFor(key)
    await vi.waitFor(async () => expect((await speaker.send('ping')).status).toBe(200), IN_FORCE)
    return key
  }
  const speakerFor = (key: Key): Promise<Speaker> =>
    openSpeaker({ url: url(), key: key.secret, era: 'legacy', name: 'probe' })
  /** A call that no policy of the tests allows, and what denied it. */
  const probe = async (speaker: Speaker) => {
    const { result } = await speaker.send('tools/call', { name: PROBE_WIRE, arguments: {} })
    const meta = result?.['_meta'] as Record<string, { rule: string; policy_version: number }> | undefined
    return meta?.['io.mcpshield/decision']
  }
  const savePolicy = async (facts: string, rules: string[]) => {
    const all = [`{ id: ${PROBE_RULE}, tool: "${PROBE}", decision: deny }`, ...rules]
    const listed = all.map((rule) => `  - ${rule}`).join('\n')
    const policy_yaml = `version: 1\nfacts: ${facts}\nrules:\n${listed}\n`
    const saved = await rest<{ version: number }>('PUT', `${at}/policy`, { policy_yaml }, { 'if-match': '*' })
    const isInForce = async () => expect((await probe(prober))?.policy_version).toBe(saved.version)
    await vi.waitFor(isInForce, IN_FORCE)
    return saved.version
  }
  const key = await addKey()
  const prober = await speakerFor(key)
  return {
    id,
    at,
    key,
    addKey,
    url,
    send: (method, path, body, headers) => rest(method, at + path, body, headers),
    async addUpstream(slug, spec) {
      const transport = 'url' in spec ? 'http' : 'stdio'
      const made = await rest<{ id: string }>('POST', `${at}/upstreams`, { slug, transport, ...spec })
      const speaker = await openSpeaker({ url: url(slug), key: key.secret, era: 'legacy' })
      await vi.waitFor(async () => {
        const heard = await speaker.send('tools/list')
        expect(heard.result, heard.text).toBeDefined()
      }, IN_FORCE)
      return made.id
    },
    policy: (...rules) => savePolicy('{}', rules),
    policyWithFacts: (facts, ...rules) => savePolicy(facts, rules),
    async untilRule(by, rule) {
      const speaker = await speakerFor(by)
      await vi.waitFor(async () => expect((await probe(speaker))?.rule).toBe(rule), IN_FORCE)
    },
    async audits(where = () => true) {
      const all: Audit[] = []
      for (let cursor: string | null = ''; cursor !== null;) {
        const page: { items: Audit[]; next_cursor: string | null } = await rest(
          'GET',
          `/audits?limit=200&project_id=${id}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
        )
        all.push(...page.items)
        cursor = page.next_cursor
      }
      return all
        .filter((audit) => audit.kind === 'decision' && audit.tool !== PROBE && where(audit))
        .reverse()
    },
  }
}

/** What the tests ask for to learn which policy is in force. */
const PROBE = 'probe/in-force'
const PROBE_WIRE = 'probe__in-force'
export const PROBE_RULE = 'in-force'

/** The decision that a denial carries, whatever its form. */
export function decisionIn({
  result,
  error,
}: {
  result?: Json
  error?: { data?: unknown }
}):
  | { decision: string; rule: string; reason: string; decision_id: string; retry_after_ms?: number }
  | undefined {
  const holder = (result?.['_meta'] ?? error?.data) as Record<string, never> | undefined
  return holder?.['io.mcpshield/decision']
}
