// The addresses that the world reaches: certificates, headers, and that each leads to its own server.
import type { Answer, Ask } from './asking.ts'
import { Broken, listed, type Findings } from './findings.ts'

export type Urls = { app: string; api: string; mcp: string }

const SOON_DAYS = 14
const DAY_MS = 86_400_000
/** What every answer says to a browser, whoever gives it. */
const HEADERS = ['content-security-policy', 'referrer-policy', 'x-content-type-options', 'x-frame-options']

const DNS = 'does its name lead to this machine, and is port 443 open to it? `docker compose logs caddy`'

export async function checkDoors(urls: Urls, ask: Ask, found: Findings): Promise<void> {
  const doors = { dashboard: `${urls.app}/`, api: `${urls.api}/`, mcp: `${urls.mcp}/health` }
  for (const [name, url] of Object.entries(doors)) {
    await found.check(`${name} answers at ${url}`, DNS, async () => {
      const answer = await ask(url)
      if (answer.status !== 200) throw new Broken(`it answered ${answer.status}`)
      return certificateWords(answer)
    })
    await checkHeaders(name, url, ask, found)
    if (url.startsWith('https:')) await checkRedirect(name, url, ask, found)
  }
  await checkClosed(urls, ask, found)
}

function certificateWords({ certificateEndsAt }: Answer): string | undefined {
  if (certificateEndsAt === undefined) return undefined
  const days = Math.floor((certificateEndsAt.getTime() - Date.now()) / DAY_MS)
  // Ours are renewed a month before; those of Caddy's own authority live for hours.
  const isShortLived = days < 1
  if (days < SOON_DAYS && !isShortLived)
    throw new Broken(`its certificate ends in ${days} days and was not renewed`)
  return `certificate until ${certificateEndsAt.toISOString().slice(0, 10)}`
}

/** The MCP gateway leaves them to who stands in front. */
async function checkHeaders(name: string, url: string, ask: Ask, found: Findings): Promise<void> {
  const isTls = url.startsWith('https:')
  if (!isTls && name === 'mcp') return found.skip(`${name} has the headers`, 'no proxy in front')
  await found.check(
    `${name} has the headers, each once`,
    'is the Caddyfile the one of this version?',
    async () => {
      const { headers } = await ask(url)
      const wanted = isTls ? [...HEADERS, 'strict-transport-security'] : HEADERS
      const missing = wanted.filter((each) => headers[each] === undefined)
      if (missing.length > 0) throw new Broken(`missing: ${listed(missing)}`)
      const doubled = wanted.filter((each) => (headers[each]?.length ?? 0) > 1)
      if (doubled.length > 0) throw new Broken(`twice: ${listed(doubled)}`)
      if (isTls && headers['server'] !== undefined)
        throw new Broken(`it says what it is: ${headers['server'][0]}`)
    },
  )
}

async function checkRedirect(name: string, url: string, ask: Ask, found: Findings): Promise<void> {
  await found.check(`${name} leads from http to https`, 'is port 80 open to Caddy?', async () => {
    const plain = url.replace(/^https:/, 'http:').replace(/:\d+(?=\/|$)/, '')
    const { status, headers } = await ask(plain)
    const target = headers['location']?.[0] ?? ''
    if (status < 301 || status > 308 || !target.startsWith('https:'))
      throw new Broken(`it answered ${status} ${target}`.trim())
  })
}

/** What must not be had from outside, or not without a credential. */
async function checkClosed({ api, mcp }: Urls, ask: Ask, found: Findings): Promise<void> {
  const isBehindProxy = api.startsWith('https:')
  if (isBehindProxy)
    await found.check('metrics are not public', 'is the Caddyfile the one of this version?', async () => {
      const { status } = await ask(`${api}/metrics`)
      if (status !== 404) throw new Broken(`/metrics answered ${status}`)
    })
  const closed: [string, string, string, number][] = [
    ['the API asks who one is', 'GET', `${api}/projects`, 401],
    ['the operator’s pages ask for the token', 'GET', `${api}/admin/dead-letters`, 401],
    ['decisions ask for a key', 'POST', `${api}/policy/evaluate`, 401],
    ['the gateway asks for a key', 'POST', `${mcp}/mcp`, 401],
  ]
  for (const [name, method, url, wanted] of closed)
    await found.check(
      name,
      'where it did not answer, see above; where it answered otherwise, take the installation off the network',
      async () => {
        const { status } = await ask(url, { method, ...(method === 'POST' ? { body: {} } : {}) })
        if (status !== wanted) throw new Broken(`${method} ${url} answered ${status}, not ${wanted}`)
      },
    )
}
