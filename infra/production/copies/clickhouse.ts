// The record in ClickHouse: every table of the product's database, as lines of tab-separated values.
import { Readable, Transform } from 'node:stream'
import { createInterface } from 'node:readline'
import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client'
import { SetupError } from '../../dev/setup-error.ts'
import { openCopy, type BackupWriter, type Manifest } from './backup-folder.ts'

export type RecordOptions = { url: string; progress: (line: string) => void }

const DEFAULT_DATABASE = 'mcpshield'
const REQUEST_WITHIN_MS = 3_600_000
/** An insert is held in memory at both ends. */
const INSERT_BYTES = 8 * 1024 * 1024

export async function backUpRecord(backup: BackupWriter, options: RecordOptions): Promise<void> {
  await connected(options, async (client, database) => {
    for (const { name: table, engine } of await tablesOf(client, database)) {
      const condition = engine.startsWith('Replicated') ? await caughtUp(client, `${database}.${table}`) : ''
      const query = `SELECT * FROM ${database}.${table} ${condition} FORMAT TabSeparatedWithNames`
      const { stream } = await client.exec({ query })
      const lines = counting(table)
      await backup.write(fileOf(table), stream.pipe(lines), () => lines.rows())
      if (lines.rows() > 0) options.progress(`clickhouse: ${table}, ${lines.rows()} rows`)
    }
  })
}

/** Puts every table's rows in the place of those that are there. */
export async function restoreRecord(
  folder: string,
  manifest: Manifest,
  options: RecordOptions,
): Promise<void> {
  await connected(options, async (client, database) => {
    const there = (await tablesOf(client, database)).map(({ name }) => name)
    for (const [file, { items }] of Object.entries(manifest.files)) {
      const table = /^clickhouse\/(\w+)\.tsv\.gz$/.exec(file)?.[1]
      if (table === undefined) continue
      if (!there.includes(table))
        throw new SetupError(
          `ClickHouse has no table ${table}: restore with the version that made the backup.`,
        )
      // Of replicas each would do a TRUNCATE by itself, one that was away later, when the rows below are there.
      await client.command({ query: `ALTER TABLE ${database}.${table} DROP PARTITION ALL` })
      const rows = await insertAll(client, `${database}.${table}`, openCopy(folder, file))
      if (rows !== items) throw new SetupError(`${file}: ${rows} of ${items} rows were read.`)
      if (rows > 0) options.progress(`clickhouse: ${table}, ${rows} rows`)
    }
  })
}

async function insertAll(client: ClickHouseClient, table: string, content: Readable): Promise<number> {
  let columns: [string, ...string[]] | undefined
  let rows = 0
  let batch: string[] = []
  let bytes = 0
  const flush = async () => {
    if (batch.length === 0 || columns === undefined) return
    const values = Readable.from(
      batch.map((line) => `${line}\n`),
      { objectMode: false },
    )
    // What was inserted before with the same content, and is gone, is not to be taken for a repetition.
    const clickhouse_settings = { insert_deduplicate: 0 } as const
    await client.insert({ table, columns, values, format: 'TabSeparated', clickhouse_settings })
    rows += batch.length
    batch = []
    bytes = 0
  }
  // Values have no line ends of their own: these are escaped.
  for await (const line of createInterface({ input: content, crlfDelay: 0 })) {
    if (columns === undefined) {
      columns = line.split('\t') as [string, ...string[]]
      continue
    }
    batch.push(line)
    bytes += line.length
    if (bytes >= INSERT_BYTES) await flush()
  }
  await flush()
  return rows
}

/**
 * Lets a replica have what was acknowledged before by any, and returns a condition by which only that one answers. What it
 * lacked would be in no copy: of the streams' it is not, as it was stored.
 */
async function caughtUp(client: ClickHouseClient, table: string): Promise<string> {
  const host = await hostOf(client)
  await client.command({ query: `SYSTEM SYNC REPLICA ${table}` })
  if ((await hostOf(client)) !== host)
    throw new SetupError('CLICKHOUSE_URL leads to one server and another. Name one of them.')
  return onlyOn(host)
}

export const onlyOn = (host: string) =>
  `WHERE throwIf(hostName() != '${host}', 'another server has answered: CLICKHOUSE_URL is to name one of them') = 0`

async function hostOf(client: ClickHouseClient): Promise<string> {
  const answer = await client.query({ query: 'SELECT hostName() AS host', format: 'JSONEachRow' })
  const [row] = await answer.json<{ host: string }>()
  if (row === undefined || !/^[\w.-]+$/.test(row.host))
    throw new SetupError('ClickHouse does not say who it is.')
  return row.host
}

async function tablesOf(
  client: ClickHouseClient,
  database: string,
): Promise<{ name: string; engine: string }[]> {
  const answer = await client.query({
    query: `SELECT name, engine FROM system.tables WHERE database = {database:String} AND engine LIKE '%MergeTree' ORDER BY name`,
    query_params: { database },
    format: 'JSONEachRow',
  })
  return answer.json<{ name: string; engine: string }>()
}

/** Counts lines behind the first, and refuses an answer that breaks off: an error comes as text at its end. */
function counting(table: string): Transform & { rows(): number } {
  let lines = 0
  let end = ''
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++
      end = (end + chunk.subarray(-2_000).toString('latin1')).slice(-2_000)
      done(null, chunk)
    },
    flush(done) {
      const isBroken =
        (end !== '' && !end.endsWith('\n')) ||
        /DB::Exception|__exception__/.test(end.slice(end.lastIndexOf('\t')))
      done(isBroken ? new SetupError(`ClickHouse broke off in ${table}: ${end.slice(-300).trim()}`) : null)
    },
  })
  return Object.assign(stream, { rows: () => Math.max(0, lines - 1) })
}

async function connected<T>(
  { url: address }: RecordOptions,
  work: (client: ClickHouseClient, database: string) => Promise<T>,
): Promise<T> {
  const url = new URL(address)
  const database = url.pathname.slice(1) || DEFAULT_DATABASE
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(database))
    throw new SetupError('CLICKHOUSE_URL: the database is to be of letters, digits and _.')
  url.pathname = '/'
  const client = createClient({
    url: url.href,
    request_timeout: REQUEST_WITHIN_MS,
    application: 'mcpshield-backup',
    // One after the other to the same server, where an address leads to several.
    max_open_connections: 1,
    // It would write rows it could not insert to the console.
    log: { level: ClickHouseLogLevel.OFF },
  })
  try {
    return await work(client, database)
  } finally {
    await client.close()
  }
}

const fileOf = (table: string) => `clickhouse/${table}.tsv.gz`
