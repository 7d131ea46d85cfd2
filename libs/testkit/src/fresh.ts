// A store of one's own for a test file, on the servers of the run: isolation by a fresh place, not by cleaning.
import { randomUUID } from 'node:crypto'
import { createClient } from '@clickhouse/client'
import { Redis } from 'ioredis'
import pg from 'pg'
import { inject } from 'vitest'
// What `inject('stores')` is.
import type {} from './backing.ts'

export interface Fresh extends AsyncDisposable {
  readonly url: string
}

/** An empty PostgreSQL database; the URL is the superuser's. Dropped when disposed. */
export async function freshDatabase(): Promise<Fresh & { readonly name: string }> {
  const { databaseUrl } = inject('stores')
  const name = freshName()
  await onServer(databaseUrl, `CREATE DATABASE ${name}`)
  return {
    name,
    url: withPath(databaseUrl, name),
    [Symbol.asyncDispose]: () => onServer(databaseUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  }
}

/** An empty ClickHouse database, which the URL names. Dropped when disposed. */
export async function freshClickhouse(): Promise<Fresh & { readonly name: string }> {
  const { clickhouseUrl } = inject('stores')
  const name = freshName()
  const client = createClient({ url: clickhouseUrl })
  await client.command({ query: `CREATE DATABASE ${name}` })
  return {
    name,
    url: withPath(clickhouseUrl, name),
    async [Symbol.asyncDispose]() {
      await client.command({ query: `DROP DATABASE IF EXISTS ${name}` })
      await client.close()
    },
  }
}

/** An empty Redis database, which the URL names by number. Emptied and given back when disposed. */
export async function freshRedis(): Promise<Fresh> {
  const { redisUrl } = inject('stores')
  const redis = new Redis(redisUrl)
  const index = await claimRedisDatabase(redis)
  await redis.select(index)
  await redis.flushdb()
  return {
    url: withPath(redisUrl, String(index)),
    async [Symbol.asyncDispose]() {
      await redis.flushdb()
      await redis.select(0)
      await redis.del(claimKey(index))
      await redis.quit()
    },
  }
}

// Database 0 keeps who has which; a claim ends by itself where a test process was killed.
async function claimRedisDatabase(redis: Redis): Promise<number> {
  const [, databases = '16'] = await redis.config('GET', 'databases')
  for (let index = 1; index < Number(databases); index++) {
    if (await redis.set(claimKey(index), process.pid, 'EX', 600, 'NX')) return index
  }
  throw new Error(`All ${databases} Redis databases are in use: dispose what freshRedis() gave`)
}

async function onServer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

function withPath(url: string, path: string): string {
  const changed = new URL(url)
  changed.pathname = `/${path}`
  return changed.href
}

const claimKey = (index: number) => `mcpshield-test:database:${index}`
const freshName = () => `test_${randomUUID().replaceAll('-', '')}`
