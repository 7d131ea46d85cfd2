// The folders right below a connection's own, as paths that rules can name.
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Connectors } from '../connectors/connectors.ts'
import { fits, MAX_RESOURCES, readingGrant, type Stored, type Within } from './reading.ts'

const MAX_ENTRIES = 2_000

export async function storedFolders(
  connectors: Connectors,
  connection: string,
  time: Within,
): Promise<Stored> {
  const root = connectors.rootOf(connection)
  if (root === null) return { resources: [], truncated: false }
  const connector = connectors.choose('filesystem.list', { connection })
  // What stands in the folder is told by name; nothing of it is opened, and no link is followed.
  const grant = { ...readingGrant({ paths: [root] }, time, MAX_ENTRIES), alsoAllows: () => true }
  const { data, cut } = await connector.run('filesystem.list', { path: '.' }, grant)
  const folders = (data['entries'] as JsonObject[])
    .filter(({ type }) => type === 'folder')
    .map(({ path }) => path)
    .filter(fits)
  return {
    resources: folders.slice(0, MAX_RESOURCES).map((name) => ({ name, fields: [] })),
    truncated: cut || folders.length > MAX_RESOURCES,
  }
}
