// The gateway, and the key that the environment says.
import { gatewayUrl, isGateway, keyState } from '../gateway.ts'
import { CommandError, type World } from '../world.ts'
import type { Finding } from './finding.ts'

/** `url`: undefined where no gateway was found. */
export async function checkGateway(
  world: World,
  api: string,
  given: string | undefined,
): Promise<{ url: string | undefined; found: Finding[] }> {
  const mend = 'start it (mcpshield up on this machine), or say where it is by --mcp or MCPSHIELD_MCP_URL'
  try {
    const url = await gatewayUrl(world, api, given)
    if (!(await isGateway(url)))
      return { url, found: [{ name: 'mcp', state: 'wrong', detail: `no gateway answers at ${url}`, mend }] }
    return { url, found: [{ name: 'mcp', state: 'ok', detail: url }, ...(await environmentKey(world, url))] }
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    const isSaid = given !== undefined || world.environment.mcpUrl !== undefined
    // What is said is no address: there is nothing to start.
    const said = 'give an address such as http://localhost:8100/mcp by --mcp or MCPSHIELD_MCP_URL'
    return {
      url: undefined,
      found: [{ name: 'mcp', state: 'wrong', detail: error.message, mend: isSaid ? said : mend }],
    }
  }
}

async function environmentKey(world: World, url: string): Promise<Finding[]> {
  const { apiKey } = world.environment
  if (apiKey === undefined) return []
  const name = 'MCPSHIELD_API_KEY'
  const state = await keyState(url, apiKey)
  if (state === 'good') return [{ name, state: 'ok', detail: 'the gateway takes it' }]
  return [
    {
      name,
      state: 'wrong',
      detail: state === 'refused' ? 'unknown, revoked or expired' : state.problem,
      mend: 'make another by mcpshield keys create NAME',
    },
  ]
}
