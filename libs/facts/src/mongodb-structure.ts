// The commands of MongoDB that change what collections there are, tell about them, or administer the server.
import { isDocument } from './mongodb-values.ts'
import { checkFields, collectionOf, namespaceEntry, type Reading } from './mongodb-commands.ts'
import { readFilter } from './mongodb-filters.ts'
import { notesField, scopeOf, touch } from './mongodb-scope.ts'
import { readPipeline } from './mongodb-stages.ts'
import { CannotTell } from './sql/statement.ts'

/** Reads a command; true when it only tells something, whatever its resource. */
export type StructureCommand = (reading: Reading) => boolean

const words = (text: string): string[] => text.trim().split(/\s+/)
const each = (names: string, read: StructureCommand): Record<string, StructureCommand> =>
  Object.fromEntries(words(names).map((name) => [name, read]))

/** About the connection or the server's version: no stored data. */
const greeting =
  (fields = ''): StructureCommand =>
  (reading) => {
    checkFields(reading, fields)
    reading.ledger.entry('read', null)
    return true
  }

/** Names or sizes of everything in a database: no single resource. */
const overview =
  (fields: string): StructureCommand =>
  (reading) => {
    checkFields(reading, fields)
    const filter = reading.command['filter']
    if (filter !== undefined) readFilter(scopeOf(reading.ledger, reading.names, null), filter)
    reading.ledger.entry('read', { unknown: `${reading.name} tells about every collection` })
    // A filter may hold code to run.
    return reading.ledger.entries().every(({ operation }) => operation === 'read')
  }

/** Indexes or sizes of one collection. */
const aboutCollection =
  (fields: string): StructureCommand =>
  (reading) => {
    checkFields(reading, fields)
    collectionOf(reading, 'read')
    return false
  }

const changesCollection =
  (fields: string, more?: (reading: Reading) => void): StructureCommand =>
  (reading) => {
    checkFields(reading, fields)
    collectionOf(reading, 'schema')
    more?.(reading)
    return false
  }

/** A view, or what documents are checked against. */
function definition(reading: Reading): void {
  const { command, ledger, names } = reading
  const viewed = command['viewOn']
  if (viewed !== undefined)
    readPipeline(scopeOf(ledger, names, touch(ledger, names, 'read', viewed)), command['pipeline'] ?? [])
  if (command['validator'] !== undefined)
    readFilter(scopeOf(ledger, names, collectionOf(reading, 'schema')), command['validator'])
}

function indexes(reading: Reading): void {
  const scope = scopeOf(reading.ledger, reading.names, collectionOf(reading, 'schema'))
  const listed = reading.command['indexes']
  if (!Array.isArray(listed)) throw new CannotTell('indexes is not a list')
  for (const index of listed as unknown[]) {
    const { key, partialFilterExpression: filter } = isDocument(index) ? index : {}
    if (!isDocument(key)) throw new CannotTell('an index has no key')
    for (const path of Object.keys(key)) notesField(scope, path)
    if (filter !== undefined) readFilter(scope, filter)
  }
}

const renames: StructureCommand = (reading) => {
  checkFields(reading, 'to dropTarget')
  namespaceEntry(reading, 'schema', reading.command['renameCollection'])
  namespaceEntry(reading, 'schema', reading.command['to'])
  return false
}

/** What the server does for its administrators: it is known by name, and everything in it is theirs. */
const administration: StructureCommand = ({ ledger, name }) => {
  ledger.entry('admin', { unknown: `${name} is a command to administer the server` })
  return false
}

/** Tells how the server fares, and nothing of what is stored or of what others do. */
const status: StructureCommand = (reading) => {
  for (const [key, value] of Object.entries(reading.command).slice(1))
    if (typeof value !== 'number' && typeof value !== 'boolean')
      checkFields({ ...reading, command: { name: 1, [key]: 1 } }, '')
  administration(reading)
  return true
}

/** A cursor is somebody's: only the connector that opened one goes on with it. */
const cursor: StructureCommand = (reading) => {
  const { command, ledger, names, name } = reading
  const { resource } = touch(
    ledger,
    names,
    'admin',
    name === 'getMore' ? command['collection'] : command[name],
  )
  if (typeof resource === 'string' && name === 'getMore') ledger.entry('admin', resource, 'reads')
  return false
}

/** Writes by namespace, past every other command. */
const applyOps: StructureCommand = (reading) => {
  administration(reading)
  const note = (ops: unknown, depth: number): void => {
    if (!Array.isArray(ops) || depth > 8) return
    for (const op of (ops as unknown[]).filter(isDocument)) {
      if (typeof op['ns'] === 'string' && /^[^.$]+\.[^$]+$/.test(op['ns']))
        namespaceEntry(reading, 'write', op['ns'])
      if (isDocument(op['o'])) note(op['o']['applyOps'], depth + 1)
    }
  }
  note(reading.command['applyOps'], 0)
  return false
}

const script: StructureCommand = (reading) => {
  reading.ledger.call(reading.name)
  return administration(reading)
}

const administrators = `
  abortReshardCollection abortTransaction addShard addShardToZone analyze analyzeShardKey authenticate authSchemaUpgrade
  autoCompact balancerCollectionStatus balancerStart balancerStatus balancerStop checkShardingIndex
  cleanupOrphaned cleanupReshardCollection clearJumboFlag cloneCollection clone commitReshardCollection
  commitTransaction configureCollectionBalancing configureQueryAnalyzer connPoolStats connPoolSync copydb copydbgetnonce
  coordinateCommitTransaction createRole createUser currentOp dbHash dropAllRolesFromDatabase
  dropAllUsersFromDatabase dropConnections dropRole dropUser enableSharding endSessions filemd5 flushRouterConfig
  forceerror fsync fsyncUnlock getAuditConfig getClusterParameter getCmdLineOpts getLastError getLog getParameter
  getPrevError getShardMap getShardVersion getnonce grantPrivilegesToRole grantRolesToRole grantRolesToUser
  invalidateUserCache killAllSessions killAllSessionsByPattern killOp killSessions listShards lockInfo logApplicationMessage
  logRotate logout mergeAllChunksOnShard mergeChunks moveChunk moveCollection movePrimary moveRange netstat
  planCacheClear planCacheClearFilters planCacheListFilters planCacheSetFilter planCacheListPlans profile
  refineCollectionShardKey refreshLogicalSessionCacheNow refreshSessions removeQuerySettings removeShard
  removeShardFromZone repairDatabase replSetAbortPrimaryCatchUp replSetFreeze replSetGetConfig
  replSetInitiate replSetMaintenance replSetReconfig replSetResizeOplog replSetStepDown replSetStepUp replSetSyncFrom
  reshardCollection resetError resync revokePrivilegesFromRole revokeRolesFromRole revokeRolesFromUser rolesInfo
  rotateCertificates saslContinue saslStart setAllowMigrations setAuditConfig setBalancerSettings setClusterParameter
  setCommittedSnapshot setDefaultRWConcern setFeatureCompatibilityVersion setIndexCommitQuorum setParameter
  setQuerySettings setUserWriteBlockMode shardCollection shardConnPoolStats shardingState shutdown split splitChunk
  splitVector startSession startTraffic stopTraffic top touch transitionFromDedicatedConfigServer
  transitionToDedicatedConfigServer unsetSharding unshardCollection untrackUnshardedCollection updateRole updateUser
  updateZoneKeyRange usersInfo validate validateDBMetadata waitForFailPoint configureFailPoint
  whatsmysni prepareTransaction abortUnshardCollection compactStructuredEncryptionData
`

/** Every command that is known and is not about the documents of a collection. */
export const STRUCTURE_COMMANDS: Record<string, StructureCommand> = {
  ...each('ping buildInfo buildinfo listCommands whatsmyuri features', greeting()),
  ...each('hello isMaster ismaster', greeting('helloOk')),
  connectionStatus: greeting('showPrivileges'),
  listCollections: overview('filter nameOnly authorizedCollections cursor'),
  listDatabases: overview('filter nameOnly authorizedDatabases'),
  ...each('dbStats dbstats', overview('scale freeStorage')),
  ...each('collStats collstats', aboutCollection('scale')),
  listIndexes: aboutCollection('cursor'),
  listSearchIndexes: aboutCollection('id name cursor'),
  ...each('dataSize datasize', (reading) => {
    checkFields(reading, 'keyPattern min max estimate')
    namespaceEntry(reading, 'read', reading.command[reading.name])
    return false
  }),
  ...each('serverStatus hostInfo replSetGetStatus getDefaultRWConcern', status),
  create: changesCollection(
    'capped autoIndexId size max storageEngine validator validationLevel validationAction indexOptionDefaults viewOn ' +
      'pipeline collation timeseries expireAfterSeconds clusteredIndex changeStreamPreAndPostImages encryptedFields',
    definition,
  ),
  collMod: changesCollection(
    'index viewOn pipeline validator validationLevel validationAction expireAfterSeconds timeseries cappedSize ' +
      'cappedMax changeStreamPreAndPostImages dryRun',
    definition,
  ),
  drop: changesCollection('encryptedFields'),
  createIndexes: changesCollection('indexes commitQuorum ignoreUnknownIndexOptions', indexes),
  ...each('dropIndexes deleteIndexes', changesCollection('index')),
  createSearchIndexes: changesCollection('indexes'),
  updateSearchIndex: changesCollection('id name definition'),
  dropSearchIndex: changesCollection('id name'),
  reIndex: changesCollection(''),
  compact: changesCollection('force freeSpaceTargetMB dryRun'),
  convertToCapped: changesCollection('size'),
  cloneCollectionAsCapped: (reading) => {
    checkFields(reading, 'toCollection size temp')
    collectionOf(reading, 'read').allFields = true
    touch(reading.ledger, reading.names, 'schema', reading.command['toCollection'])
    return false
  },
  renameCollection: renames,
  dropDatabase: (reading) => {
    checkFields(reading, '')
    reading.ledger.entry('schema', { unknown: 'dropDatabase drops every collection' })
    return false
  },
  ...each('getMore killCursors', cursor),
  applyOps,
  ...each('eval $eval', script),
  ...each(administrators, administration),
}
