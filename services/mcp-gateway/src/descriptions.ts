// What is behind a connection: the tools by which it is used, and what is stored there, by name. For the assistant, which is told
// names and never content. Through the same connectors as any call, with a grant of exactly what is read.
import type { Output } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { mcpGateway } from '@mcpshield/contracts/mcp-gateway'
import type { Connectors } from './connectors/connectors.ts'
import type { ConnectionSpec } from './connectors/connector.ts'
import { CONNECTOR_TOOLS, connectorTool, type ConnectorToolName } from './connectors/tools.ts'
import type { ProjectRuntime } from './runtimes.ts'
import { storedCollections } from './stored/collections.ts'
import { storedFolders } from './stored/folders.ts'
import { storedKeys } from './stored/keys.ts'
import { within, type Stored, type Within } from './stored/reading.ts'
import { storedTables } from './stored/tables.ts'

type Description = Output<typeof mcpGateway.rpc.describeConnection>

const LATE = 'It did not answer in time.'

export async function describeConnection(
  { connectors }: Pick<ProjectRuntime, 'connectors'>,
  name: string,
  time = within(),
): Promise<Description> {
  const kind = connectors.kindOf(name)
  if (kind === undefined) throw new AppError('NOT_FOUND', `There is no connection ${name}.`)
  const tools = toolsOf(connectors, kind)
  try {
    const stored = await inTime(storedBehind(connectors, { name, kind }, time), time)
    return { tools, ...stored, note: null }
  } catch (error) {
    // That a system is away is worth knowing; what is wrong with ourselves is an error.
    if (!time.signal.aborted && (!(error instanceof AppError) || error.code === 'INTERNAL')) throw error
    const note = time.signal.aborted ? LATE : (error as AppError).message
    return { tools, resources: [], truncated: false, note }
  }
}

function storedBehind(
  connectors: Connectors,
  { name, kind }: { name: string; kind: ConnectionSpec['kind'] },
  time: Within,
): Promise<Stored> {
  switch (kind) {
    case 'mongodb':
      return storedCollections(connectors, name, time)
    case 'redis':
      return storedKeys(connectors, name, time)
    case 'files':
      return storedFolders(connectors, name, time)
    case 'http':
      return Promise.resolve({ resources: [], truncated: false })
    default:
      return storedTables(connectors, { name, kind }, time)
  }
}

/** Drivers look for a server for longer than anybody waits here. */
async function inTime<T>(work: Promise<T>, { signal }: Within): Promise<T> {
  const late = new Promise<never>((_, refuse) => {
    const tell = () => refuse(new AppError('UNAVAILABLE', LATE))
    if (signal.aborted) tell()
    else signal.addEventListener('abort', tell, { once: true })
  })
  return await Promise.race([work, late])
}

function toolsOf(connectors: Connectors, kind: ConnectionSpec['kind']): Description['tools'] {
  const names = (Object.keys(CONNECTOR_TOOLS) as ConnectorToolName[]).filter(
    (each) => CONNECTOR_TOOLS[each].kind === kind,
  )
  return names.map((name) => ({
    name,
    description: CONNECTOR_TOOLS[name].description,
    input_schema: connectorTool(name, connectors.of(name)).inputSchema ?? {},
  }))
}
