// The way to the fixture through the whole product, with a policy that allows everything.
import { setTimeout as sleep } from 'node:timers/promises'
import { startProduct, type Product } from '../e2e/product.ts'
import { startRelay, type RelayTarget } from './relay.ts'

const SLUG = 'conformance'
const POLICY = `version: 1
rules:
  - { method: "*", tool: "*", decision: allow }
`
const IN_FORCE_TIMEOUT_MS = 20_000
const FIRST_PORT = 21_600

export type ThroughGateway = AsyncDisposable & { url: string }

/**
 * A gateway that runs already: `url` is that of its upstream `conformance`, as `…/mcp/conformance`, and it takes the
 * relay's host and origin for its own (MCP_ALLOWED_HOSTS, ALLOWED_ORIGINS).
 */
export type RunningGateway = RelayTarget & { relayPort: number }

export async function throughGateway(
  fixtureUrl: string,
  running: RunningGateway | undefined,
): Promise<ThroughGateway> {
  await using stack = new AsyncDisposableStack()
  const relay = stack.use(await startRelay(running?.relayPort))
  const target = running ?? (await startGateway(stack, fixtureUrl, relay.host))
  const url = relay.leadTo(target)
  const kept = stack.move()
  return { url, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

async function startGateway(
  stack: AsyncDisposableStack,
  fixtureUrl: string,
  relayHost: string,
): Promise<RelayTarget> {
  // As behind any proxy: the gateway is told by which name it is reached. Every other name it must refuse.
  process.env.MCP_ALLOWED_HOSTS = relayHost
  process.env.ALLOWED_ORIGINS = `http://${relayHost}`
  const product = stack.use(await startProduct(FIRST_PORT))
  const upstream = { slug: SLUG, transport: 'http', url: fixtureUrl }
  await product.demo.api.send('POST', `${product.at}/upstreams`, upstream)
  await product.setPolicy(POLICY)
  await untilAllowed(product)
  return { url: `${product.stack.mcp}/${SLUG}`, apiKey: product.demo.account.api_key }
}

/** A policy and an upstream are in force within a second or so; the suite does not wait. */
async function untilAllowed(product: Product): Promise<void> {
  const deadline = Date.now() + IN_FORCE_TIMEOUT_MS
  for (;;) {
    const problem = await problemOfFirstCall(product)
    if (problem === undefined) return
    if (Date.now() > deadline) throw new Error(`a call through the gateway does not succeed: ${problem}`)
    await sleep(100)
  }
}

async function problemOfFirstCall(product: Product): Promise<string | undefined> {
  try {
    const client = await product.client({ path: `/${SLUG}`, name: 'conformance' })
    try {
      const result = await client.callTool({ name: 'test_simple_text' })
      return result.isError === true ? JSON.stringify(result.content) : undefined
    } finally {
      await client.close()
    }
  } catch (error) {
    return (error as Error).message
  }
}
