// The client that the official conformance suite drives: our own upstream leg, with a program that uses whatever the
// server of a scenario offers. The suite tells scenario, revision and context by environment variables.
import { setTimeout as wait } from 'node:timers/promises'
import { isObject, MODERN_VERSION, type Message, type RpcAnswer } from '@mcpshield/mcp/messages'
import { tokensOfAutomaticPerson } from '@mcpshield/oauth/automatic-person'
import { egressFetch } from '@mcpshield/oauth/egress'
import { connectUpstream } from '@mcpshield/upstream/connect'
import { listUpstreamTools, type UpstreamTool } from '@mcpshield/upstream/list-tools'
import type { Peer, Speaker, TokenSource } from '@mcpshield/upstream/upstream'

type JsonObject = NonNullable<Message['params']>
type JsonValue = JsonObject[string]

const scenario = process.env['MCP_CONFORMANCE_SCENARIO'] ?? ''
const version = process.env['MCP_CONFORMANCE_PROTOCOL_VERSION'] ?? MODERN_VERSION
const context = JSON.parse(process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}') as JsonObject
const url = process.argv[2] ?? ''

const options = { timeoutMs: 10_000 }
const MAX_ROUNDS = 5

/** Type of a schema → a value of it. */
const SIMPLEST: Record<string, JsonValue> = {
  number: 1,
  integer: 1,
  boolean: true,
  object: {},
  array: [],
}

const speaker: Speaker = {
  id: 'suite',
  subject: 'conformance',
  era: version === MODERN_VERSION ? 'modern' : 'legacy',
  clientInfo: { name: 'mcpshield', version: '0.1.0' },
  capabilities: { elicitation: { form: { applyDefaults: true } }, sampling: {}, roots: {} },
  onNotification: () => undefined,
  onRequest: (message) => Promise.resolve(answerTo(message)),
}

await using upstream = connectUpstream(
  {
    slug: 'suite',
    transport: 'http',
    url,
    headers: {},
    ...(scenario.startsWith('auth/') ? { tokens: tokens() } : {}),
  },
  // The suite shows what is written here when a scenario fails.
  { warn: console.error, error: console.error } as Parameters<typeof connectUpstream>[1],
)
await use(await upstream.peer(speaker))
upstream.leave(speaker.id)

async function use(peer: Peer): Promise<void> {
  if (scenario.startsWith('elicitation')) {
    peer.follow()
    // Nothing tells when the server has the stream; what it asks before that is lost.
    await wait(300)
  }
  const tools = await listUpstreamTools(peer, options.timeoutMs)
  for (const { name, args } of callsOf(tools)) await request(peer, 'tools/call', { name, arguments: args })
  const { capabilities } = peer.server
  if (capabilities['resources'] !== undefined)
    for (const { uri } of await entriesOf(peer, 'resources/list', 'resources'))
      await request(peer, 'resources/read', { uri: uri ?? '' })
  if (capabilities['prompts'] !== undefined)
    for (const { name } of await entriesOf(peer, 'prompts/list', 'prompts'))
      await request(peer, 'prompts/get', { name: name ?? '' })
}

/** The calls that the scenario wants, else one of each tool. */
function callsOf(tools: UpstreamTool[]): { name: string; args: JsonObject }[] {
  const wanted = context['toolCalls']
  if (Array.isArray(wanted))
    return wanted
      .filter(isObject)
      .map((call) => ({ name: textOf(call['name']), args: objectOf(call['arguments']) }))
  const focal = tools.find(({ name }) => name === 'json_schema_2020_12_tool')
  return tools.map(({ name, inputSchema }) => ({
    name,
    args:
      name === 'json_schema_echo'
        ? { schema: objectOf(focal?.['inputSchema']) }
        : exampleOf(objectOf(inputSchema)),
  }))
}

async function entriesOf(peer: Peer, method: string, member: string): Promise<JsonObject[]> {
  const answer = await request(peer, method, {})
  const entries = 'result' in answer ? answer.result[member] : undefined
  return Array.isArray(entries) ? entries.filter(isObject) : []
}

/** A request, made again with the input that its answer asks for. */
async function request(peer: Peer, method: string, params: JsonObject): Promise<RpcAnswer> {
  let answer = await peer.request(method, params, options)
  for (let round = 0; round < MAX_ROUNDS; round++) {
    if ('error' in answer || answer.result['resultType'] !== 'input_required') return answer
    const { inputRequests, requestState } = answer.result
    const responses = Object.entries(objectOf(inputRequests)).map(([key, asked]) => {
      const { method: name, params: given } = objectOf(asked)
      const reply = answerTo({ method: textOf(name), params: objectOf(given) })
      return [key, 'result' in reply ? reply.result : {}] as const
    })
    const state = requestState === undefined ? {} : { requestState }
    answer = await peer.request(
      method,
      { ...params, inputResponses: Object.fromEntries(responses), ...state },
      options,
    )
  }
  return answer
}

function answerTo({ method, params = {} }: Message): RpcAnswer {
  switch (method) {
    case 'elicitation/create':
      return { result: { action: 'accept', content: exampleOf(objectOf(params['requestedSchema'])) } }
    case 'sampling/createMessage':
      return { result: { role: 'assistant', content: { type: 'text', text: 'Good day' }, model: 'none' } }
    case 'roots/list':
      return { result: { roots: [] } }
    default:
      return { error: { code: -32601, message: 'This client cannot be asked for that.' } }
  }
}

/** Values for the properties of a schema: its defaults, else the simplest of the type. */
function exampleOf({ properties }: JsonObject): JsonObject {
  const values = Object.entries(objectOf(properties)).map(([name, schema]) => {
    const { type, default: given } = objectOf(schema)
    return [name, given ?? SIMPLEST[typeof type === 'string' ? type : ''] ?? 'text'] as const
  })
  return Object.fromEntries(values)
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {}
}

function tokens(): TokenSource {
  const {
    client_id: id,
    client_secret: secret,
    private_key_pem: pem,
    signing_algorithm: algorithm,
    issuer,
  } = context
  const isMachine = scenario.startsWith('auth/client-credentials')
  const given =
    typeof id === 'string'
      ? {
          client: {
            client_id: id,
            ...(typeof secret === 'string' ? { client_secret: secret } : {}),
            ...(typeof pem === 'string' ? { private_key: { pem, algorithm: textOf(algorithm) } } : {}),
            ...(typeof issuer === 'string' ? { issuer } : {}),
          },
        }
      : {}
  return tokensOfAutomaticPerson({
    serverUrl: url,
    grant: isMachine ? 'client_credentials' : 'authorization_code',
    redirectUri: 'http://localhost:3000/callback',
    clientName: 'MCPShield',
    // The suite knows this one address; nothing is fetched from it.
    clientMetadataUrl: 'https://conformance-test.local/client-metadata.json',
    fetch: egressFetch({ own: url }),
    now: () => new Date(),
    ...given,
  })
}
