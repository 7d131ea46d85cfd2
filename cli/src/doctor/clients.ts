// The MCP clients of this machine: whether they lead to the gateway, by a key that it takes.
import { endpointIn, isObject, SERVER_NAME, type McpClient } from '../clients/client.ts'
import { fileOf, installedClients } from '../clients/clients.ts'
import { readConfig } from '../clients/config-file.ts'
import { CannotEdit, contentOf, entryAt } from '../clients/config-text.ts'
import { keyState } from '../gateway.ts'
import type { World } from '../world.ts'
import type { Finding } from './finding.ts'

export async function checkClients(world: World, gateway: string | undefined): Promise<Finding[]> {
  const { machine } = world.environment
  if (machine.home === undefined) return []
  return Promise.all(
    installedClients(machine).map((client) => checkClient(client, fileOf(client, machine), gateway)),
  )
}

async function checkClient(client: McpClient, file: string, gateway: string | undefined): Promise<Finding> {
  const { name, id } = client
  const mend = `run mcpshield connect ${id}`
  let entry: unknown
  try {
    const content = contentOf(client.format, (await readConfig(file))?.toString('utf8') ?? '')
    entry = entryAt(content, [...client.servers(content), SERVER_NAME])
  } catch (error) {
    if (!(error instanceof CannotEdit)) throw error
    return {
      name,
      state: 'wrong',
      detail: `${file}: ${error.message}`,
      mend: / cannot be read: /.test(error.message)
        ? `let your account read ${file}`
        : 'mend the file, which the client cannot read either',
    }
  }
  if (entry === undefined) return { name, state: 'note', detail: 'does not go through the gateway', mend }
  if (isSwitchedOff(entry))
    return { name, state: 'note', detail: `its entry ${SERVER_NAME} in ${file} is switched off`, mend }
  const { url, key } = endpointIn(entry)
  if (url === null || key === null)
    return {
      name,
      state: 'wrong',
      detail: `its entry ${SERVER_NAME} in ${file} has no address or no key`,
      mend,
    }
  if (gateway !== undefined && url !== gateway)
    return { name, state: 'wrong', detail: `leads to ${url}, and not to ${gateway}`, mend }
  const state = await keyState(url, key)
  if (state === 'good') return { name, state: 'ok', detail: `through ${url}` }
  return {
    name,
    state: 'wrong',
    detail: state === 'refused' ? 'its key is unknown, revoked or expired' : `${url}: ${state.problem}`,
    mend: state === 'refused' ? mend : 'see what is said of the gateway',
  }
}

/** As one client or another says it. */
function isSwitchedOff(entry: unknown): boolean {
  return isObject(entry) && (entry['disabled'] === true || entry['enabled'] === false)
}
