// Variables that several services read, each described once.
import { z } from 'zod'

/** Where NATS answers: nats://host:port. */
export const NATS_URL = z.string().min(1)
/** Content of the service's NATS .creds file (give it as NATS_CREDS_FILE). */
export const NATS_CREDS = z.string().min(1)
/** postgres://user:password@host:port/database of the service's own role. */
export const DATABASE_URL = z.string().min(1)
/** redis://:password@host:port/db. */
export const REDIS_URL = z.string().min(1)
/** http://user:password@host:port/database. */
export const CLICKHOUSE_URL = z.string().min(1)
/** Address to listen on; loopback unless said otherwise. */
export const HOST = z.string().default('127.0.0.1')
export const port = (byDefault: number) => z.coerce.number().int().min(0).max(65_535).default(byDefault)
/** 256 random bits in hex. */
export const hexKey = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits')
