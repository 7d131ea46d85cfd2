// The canonical names of the tools that our own connectors offer, by the kind of connection they run on.
export const CONNECTOR_TOOLS: Record<string, readonly string[]> = {
  postgresql: ['postgres.query'],
  mysql: ['mysql.query'],
  sqlite: ['sqlite.query'],
  mongodb: [
    'mongodb.find',
    'mongodb.aggregate',
    'mongodb.count',
    'mongodb.distinct',
    'mongodb.insert',
    'mongodb.update',
    'mongodb.delete',
  ],
  redis: ['redis.command'],
  files: ['filesystem.read', 'filesystem.list', 'filesystem.search', 'filesystem.write'],
  http: ['network.request'],
}

/** The tools of these kinds of connections; of all kinds when none are given. */
export function connectorTools(kinds: readonly string[] = Object.keys(CONNECTOR_TOOLS)): string[] {
  return [...new Set(kinds)].flatMap((kind) => CONNECTOR_TOOLS[kind] ?? [])
}
