// One service's PostgreSQL: its own role and schema, its own list of entities and migrations.
import { MikroORM, type EntityManager } from '@mikro-orm/postgresql'
import { Migrator } from '@mikro-orm/migrations'
import type { EntitySchema, MigrationObject } from '@mikro-orm/core'

export type DbOptions = {
  /** postgres:// URL of the service's role. */
  url: string
  /** The schema that the role owns; also the service's name. */
  schema: string
  // Entity types differ per service; MikroORM's own options take them as any.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  entities: EntitySchema<any, any, any>[]
  migrations: MigrationObject[]
}

export type Db = AsyncDisposable & {
  orm: MikroORM
  /** A fresh unit of work: one per message. */
  fork(): EntityManager
  /** Milliseconds a trivial query takes; throws when the database does not answer. */
  ping(): Promise<number>
}

export async function connectDb(options: DbOptions): Promise<Db> {
  const orm = await MikroORM.init({
    clientUrl: options.url,
    schema: options.schema,
    entities: options.entities,
    extensions: [Migrator],
    // Errors of queries reach the caller; the query text, with its values, stays out of the logs.
    debug: false,
    logger: () => undefined,
    pool: { min: 0, max: 10 },
    forceUtcTimezone: true,
    discovery: { warnWhenNoEntities: false },
    migrations: {
      migrationsList: options.migrations,
      tableName: 'migrations',
      transactional: true,
      allOrNothing: true,
      snapshot: false,
      disableForeignKeys: false,
    },
  })
  try {
    await refuseUnboundRole(orm)
  } catch (error) {
    await orm.close(true)
    throw error
  }
  return {
    orm,
    fork: () => orm.em.fork(),
    async ping() {
      const startedMs = performance.now()
      await orm.em.fork().getConnection().execute('select 1')
      return performance.now() - startedMs
    },
    async [Symbol.asyncDispose]() {
      await orm.close(true)
    },
  }
}

/** Row-level security (tenancy.ts) does not hold such a role: organisations would see each other. */
async function refuseUnboundRole(orm: MikroORM): Promise<void> {
  const [role] = await orm.em
    .fork()
    .execute<{ unbound: boolean }[]>(
      'select rolsuper or rolbypassrls as unbound from pg_roles where rolname = current_user',
    )
  if (role?.unbound === false) return
  throw new Error(
    'DATABASE_URL is that of a superuser, or of a role that bypasses row-level security; give the service a role of its own.',
  )
}

/** Runs the service's migrations up to the latest. Returns the names of those that ran. */
export async function migrateDb(options: DbOptions): Promise<string[]> {
  await using db = await connectDb(options)
  const done = await db.orm.migrator.up()
  return done.map((each) => each.name)
}
