// A server with one project whose policy has versions, as the product's REST API has them.
import { startRestServer, type Answer, type Asked, type RestServer } from './rest-server.ts'

export const PROJECT = '0194b2f0-0000-7000-8000-0000000000aa'

export type PolicyServer = RestServer & { versions: string[]; save(text: string): void }

export async function startPolicyServer(first: string): Promise<PolicyServer> {
  const rest = await startRestServer()
  const server: PolicyServer = Object.assign(rest, {
    versions: [first],
    save: (text: string) => void server.versions.push(text),
  })
  server.otherwise = (asked) => answer(server, asked)
  return server
}

const AT = `/projects/${PROJECT}/policy`

function answer(server: PolicyServer, asked: Asked): Answer | undefined {
  const { method, path, body } = asked
  if (`${method} ${path}` === 'GET /projects?limit=200')
    return {
      status: 200,
      body: { items: [{ id: PROJECT, name: 'Shop' }], next_cursor: null, prev_cursor: null },
    }
  if (!path.startsWith(AT)) return undefined
  const [, number, rest] = /^\/versions\/(\d+)(\/diff.*)?$/.exec(path.slice(AT.length)) ?? []
  if (rest !== undefined) return { status: 200, body: { diff: `${rest} of ${number}\n-old\n+new\n` } }
  if (number !== undefined) return versionAnswer(server, Number(number))
  if (path === `${AT}/versions?limit=50`) {
    const items = server.versions.map((_, at) => versionOf(server, at + 1)).reverse()
    return { status: 200, body: { items, next_cursor: null, prev_cursor: null } }
  }
  if (method === 'GET') return versionAnswer(server, server.versions.length)
  return change(server, asked, body as { policy_yaml?: string; version?: number })
}

function change(
  server: PolicyServer,
  { ifMatch }: Asked,
  body: { policy_yaml?: string; version?: number },
): Answer {
  if (ifMatch !== `"${server.versions.length}"`)
    return { status: 412, body: { detail: `The policy is at version ${server.versions.length} by now.` } }
  const text = body.policy_yaml ?? server.versions[(body.version ?? 0) - 1] ?? ''
  if (text.includes('mistake')) {
    const diagnostics = [
      { line: 1, column: 1, severity: 'error', code: 'wrong', message: 'This is a mistake.' },
    ]
    return { status: 422, body: { title: 'The policy is not valid', diagnostics } }
  }
  server.versions.push(text)
  return versionAnswer(server, server.versions.length)
}

const versionAnswer = (server: PolicyServer, version: number): Answer =>
  version > server.versions.length
    ? { status: 404, body: { detail: 'There is no such version.' } }
    : { status: 200, body: versionOf(server, version) }

function versionOf(server: PolicyServer, version: number) {
  const rest = {
    hash: 'h',
    note: null,
    author_id: null,
    created_at: '2026-01-01T00:00:00.000Z',
    diagnostics: [],
  }
  return { version, policy_yaml: server.versions[version - 1], ...rest }
}
