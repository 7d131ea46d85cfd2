// One ClickHouse server or a cluster of replicas: what the server says of itself, and how statements read there. Pure.
// In a database of engine Replicated statements about tables are passed on by the database itself (no ON CLUSTER), and
// each table's rows by its own engine.

/** What a server says of itself and of the record's database. */
export type ServerFacts = {
  /** Of the database; empty when it is not there. */
  engine: string
  /** Names of the macros of its configuration: of one of several servers `shard` and `replica`. */
  macros: string[]
  /** Whether it has databases that replicate by themselves, as ClickHouse Cloud's do. */
  is_shared: boolean
  /** `insert_quorum` of the user: how many replicas have what is acknowledged. */
  quorum: string
}

export type Layout = 'one' | 'replicas'

export const FACTS = `SELECT (SELECT any(engine) FROM system.databases WHERE name = {database:String}) AS engine,
  (SELECT groupArray(macro) FROM system.macros) AS macros,
  (SELECT toBool(countIf(engine = 'Shared') > 0) FROM system.databases) AS is_shared,
  (SELECT any(value) FROM system.settings WHERE name = 'insert_quorum') AS quorum`

/** Throws where rows would be on one server alone while others are thought to have them. */
export function layoutOf(facts: ServerFacts, database: string): Layout {
  if (facts.is_shared) return 'one'
  const isMember = ['shard', 'replica'].every((name) => facts.macros.includes(name))
  if (facts.engine === '' && isMember)
    throw new Error(
      `This ClickHouse is one of several, and has no database ${database}. Run on each of them: ${createDatabase('replicas', database)}`,
    )
  const hasQuorum = facts.quorum === 'auto' || Number(facts.quorum) > 1
  if (facts.engine === 'Replicated') {
    if (hasQuorum) return 'replicas'
    throw new Error(
      `The database ${database} is kept by several servers, but what one of them alone has is acknowledged. Set insert_quorum to 'auto' in the profile of the user of CLICKHOUSE_URL.`,
    )
  }
  if (!hasQuorum) return 'one'
  throw new Error(
    `insert_quorum asks for several servers, but the database ${database} is kept by one alone${facts.engine && ` (${facts.engine})`}. Move the record into a database of engine Replicated (docs/operations.md), or set insert_quorum to 0.`,
  )
}

export function createDatabase(layout: Layout, database: string): string {
  const engine = ` ENGINE = Replicated('/clickhouse/databases/${database}', '{shard}', '{replica}')`
  return `CREATE DATABASE IF NOT EXISTS ${database}${layout === 'replicas' ? engine : ''}`
}

/** A statement of tables/ as it is for the layout. The database gives replicated engines their paths. */
export function statementFor(layout: Layout, statement: string): string {
  if (layout === 'one') return statement
  return statement.replace(/^ENGINE = (?=\w*MergeTree\b)/gm, 'ENGINE = Replicated')
}

/** Seconds that a replica may be behind the others and still decide something. */
const MAX_LAG_S = 30

/**
 * A condition for reads on which something is decided: the statement fails, to be asked again, where the replica that
 * it reached lacks what others have had for a while, or cannot know. On one server it holds always.
 */
export function isUpToDate(database: string, maxLagS = MAX_LAG_S): string {
  return `(SELECT throwIf(max(absolute_delay) > ${maxLagS} OR max(is_readonly) > 0 OR max(is_session_expired) > 0,
    'this replica is behind') FROM system.replicas WHERE database = '${database}') = 0`
}
