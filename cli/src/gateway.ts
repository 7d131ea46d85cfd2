// The enforcing gateway as an MCP client finds it: where it is, and whether a key opens it.
import { setTimeout as sleep } from 'node:timers/promises'
import { META, MODERN_VERSION } from '@mcpshield/mcp/messages'
import { bodyFrom, isThisMachine, member, reasonOf } from './rest-client.ts'
import { readUpRecord } from './up-record.ts'
import { CommandError, type World } from './world.ts'

const WITHIN_MS = 5_000
const DEFAULT_PORT = '8100'

/** The address that an option or the environment says, or one that answers as the gateway does. */
export async function gatewayUrl(world: World, api: string, given: string | undefined): Promise<string> {
  const said = given ?? world.environment.mcpUrl
  if (said !== undefined) return checkedUrl(said)
  const candidates = await candidatesFor(world, api)
  for (const url of candidates) if (await isGateway(url)) return url
  throw new CommandError(
    `no gateway answers at ${candidates.join(' or ')}: say where it is by --mcp or MCPSHIELD_MCP_URL`,
    3,
  )
}

/** Without a path it is that of the endpoint. */
function checkedUrl(text: string): string {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    throw new CommandError(`${JSON.stringify(text)} is not the http or https address of a gateway`)
  return url.pathname === '/' ? new URL('/mcp', url).href : url.href.replace(/\/$/, '')
}

/** Beside the API where a proxy stands before both; on a port of its own where the product runs on this machine. */
async function candidatesFor(world: World, api: string): Promise<string[]> {
  const beside = new URL('/mcp', api)
  const running = await readUpRecord(world)
  const local = new URL(beside)
  local.port = DEFAULT_PORT
  return [
    ...(running?.ready?.api === api && running.ready.mcp !== undefined ? [running.ready.mcp] : []),
    beside.href,
    ...(isThisMachine(beside) ? [local.href] : []),
  ]
}

/** Who has no key is told whose door it is. */
export async function isGateway(url: string): Promise<boolean> {
  const answered = await ask(url, {}).catch(() => undefined)
  return answered?.realm?.includes('realm="mcpshield"') === true
}

export type KeyState = 'good' | 'refused' | { problem: string }

/** Whether the gateway takes the key. Asks what it offers, which is not recorded and decides nothing. */
export async function keyState(url: string, key: string): Promise<KeyState> {
  try {
    const { status, realm, body } = await ask(url, { 'x-api-key': key })
    if (status === 401)
      return realm?.includes('mcpshield') ? 'refused' : { problem: 'it is no MCPShield gateway' }
    const result = member(body, 'result')
    const name = member(member(member(result, '_meta'), META.serverInfo), 'name')
    if (status === 200 && name === 'mcpshield') return 'good'
    return { problem: `it answered ${status}, and not as the gateway does` }
  } catch (error) {
    return { problem: reasonOf(error) }
  }
}

/** A new key is in force everywhere within a second or so. Each refusal counts as a guess: so few are made. */
const TRIES_AFTER_MS = [0, 200, 400, 800, 1_600]

/** The same, of a key that was made just now. */
export async function newKeyState(url: string, key: string): Promise<KeyState> {
  let state: KeyState = 'refused'
  for (const waitMs of TRIES_AFTER_MS) {
    await sleep(waitMs)
    state = await keyState(url, key)
    if (state !== 'refused') break
  }
  return state
}

async function ask(url: string, credential: Record<string, string>) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      ...credential,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': MODERN_VERSION,
      'mcp-method': 'server/discover',
    },
    body: JSON.stringify(DISCOVER),
    redirect: 'error',
    signal: AbortSignal.timeout(WITHIN_MS),
  })
  return {
    status: response.status,
    realm: response.headers.get('www-authenticate'),
    body: await bodyFrom(response),
  }
}

const DISCOVER = {
  jsonrpc: '2.0',
  id: 1,
  method: 'server/discover',
  params: {
    _meta: {
      [META.protocolVersion]: MODERN_VERSION,
      [META.clientInfo]: { name: 'mcpshield-cli', version: '1' },
      [META.clientCapabilities]: {},
    },
  },
}
