// The API and what it depends on, the decisions, and whether the two clocks agree.
import { bodyFrom, member, reasonOf } from '../rest-client.ts'
import type { World } from '../world.ts'
import type { Finding } from './finding.ts'

const WITHIN_MS = 10_000
/** Beyond this, what is good for a short time is over before it came, or not good yet. */
const CLOCKS_MAY_DIFFER_MS = 30_000

export async function checkServer(world: World, api: string, decisions: string): Promise<Finding[]> {
  const root = await get(`${api}/`)
  if ('problem' in root)
    return [
      {
        name: 'api',
        state: 'wrong',
        detail: `${api} cannot be reached: ${root.problem}`,
        mend: 'start it (mcpshield up on this machine), or say where it is by --api or MCPSHIELD_API',
      },
    ]
  if (member(root.body, 'name') !== 'MCPShield API')
    return [
      {
        name: 'api',
        state: 'wrong',
        detail: `${api} answers ${root.status}, and not as the API does`,
        mend: 'say where the API is by --api or MCPSHIELD_API',
      },
    ]
  const version = member(root.body, 'version')
  return [
    { name: 'api', state: 'ok', detail: `${api}, version ${typeof version === 'string' ? version : '?'}` },
    ...clock(root),
    ...(await dependencies(api)),
    await decisionPoint(decisions),
  ]
}

function clock({ date, atMs }: Answer): Finding[] {
  if (date === null) return []
  const behindMs = Date.parse(date) - atMs
  if (Math.abs(behindMs) <= CLOCKS_MAY_DIFFER_MS)
    return [{ name: 'clock', state: 'ok', detail: 'as the server’s' }]
  const seconds = Math.round(Math.abs(behindMs) / 1_000)
  return [
    {
      name: 'clock',
      state: 'wrong',
      detail: `this machine is ${seconds} s ${behindMs > 0 ? 'behind' : 'ahead of'} the server`,
      mend: 'set it by NTP: logins are renewed at the wrong time',
    },
  ]
}

/** Each by its name; one finding where all are well. */
async function dependencies(api: string): Promise<Finding[]> {
  const health = await get(`${api}/health`)
  const all = 'problem' in health ? undefined : member(health.body, 'dependencies')
  if (typeof all !== 'object' || all === null)
    return [
      {
        name: 'services',
        state: 'wrong',
        detail: `${api}/health tells nothing`,
        mend: 'look at the API’s log',
      },
    ]
  const entries = Object.entries(all)
  const failing = entries.filter(([, state]) => member(state, 'ok') !== true)
  if (failing.length === 0)
    return [
      {
        name: 'services',
        state: 'ok',
        detail: `${entries.length} of ${entries.length} dependencies are well`,
      },
    ]
  return failing.map(([name, state]) => {
    const detail = member(state, 'detail')
    return {
      name,
      state: 'wrong' as const,
      detail: typeof detail === 'string' ? detail : 'it does not answer, or not well',
      mend: `look at whether ${name} runs, and at its log`,
    }
  })
}

/** Without a key nobody is told a decision, and that is the answer of one who decides. */
async function decisionPoint(url: string): Promise<Finding> {
  const asked = await get(`${url}/policy/evaluate`, { method: 'POST', body: '{}' })
  if (!('problem' in asked) && asked.status === 401) return { name: 'decisions', state: 'ok', detail: url }
  return {
    name: 'decisions',
    state: 'wrong',
    detail: `${url}/policy/evaluate ${'problem' in asked ? `cannot be reached: ${asked.problem}` : `answers ${asked.status}`}`,
    mend: 'look at whether the decision service runs, or say where it is by --decisions',
  }
}

type Answer = { status: number; body: unknown; date: string | null; atMs: number }

async function get(url: string, init: RequestInit = {}): Promise<Answer | { problem: string }> {
  try {
    const startedMs = Date.now()
    const response = await fetch(url, {
      ...init,
      headers: { accept: 'application/json', 'content-type': 'application/json' },
      redirect: 'error',
      signal: AbortSignal.timeout(WITHIN_MS),
    })
    const atMs = (startedMs + Date.now()) / 2
    const body = await bodyFrom(response)
    return { status: response.status, body, date: response.headers.get('date'), atMs }
  } catch (error) {
    return { problem: reasonOf(error) }
  }
}
