// Which variables a process of the product reads, as its own configuration says; for the tests of the production files.
import { join } from 'node:path'
import { OperatorConfig } from '@mcpshield/runtime/operators-view'
import type { z } from 'zod'
import { ROOT } from './compose-file.ts'
import { PrepareConfig, StoresConfig } from './config.ts'
import { SECRETS_OF } from './secrets-of.ts'

export type Variables = { schema: z.ZodObject; known: string[]; required: string[] }

/** Read by every process, whatever its configuration. */
const EVERYWHERE = ['LOG_LEVEL', 'TZ', ...Object.keys(OperatorConfig.shape)]

/** Names that are never given by value. */
export const SECRET_VARIABLES = [
  ...new Set(Object.values(SECRETS_OF).flatMap((secrets) => Object.keys(secrets))),
]

/** `service`: whose code it is that a job runs. */
export async function configOf(name: string, service: string): Promise<Variables> {
  const schema = await schemaOf(name, service)
  const empty = schema.safeParse({})
  const required = (empty.error?.issues ?? []).map(({ path }) => String(path[0]))
  return { schema, known: [...Object.keys(schema.shape), ...EVERYWHERE], required: [...new Set(required)] }
}

async function schemaOf(name: string, service: string): Promise<z.ZodObject> {
  if (name === 'prepare') return PrepareConfig
  if (name === 'backup' || name === 'restore') return StoresConfig
  if (name === 'verify') return PrepareConfig.pick({})
  const file = service === 'web' ? 'web/src/lib/server/config.ts' : `services/${service}/src/config.ts`
  const read = (await import(join(ROOT, file))) as { Config: z.ZodObject; MigrateConfig?: z.ZodObject }
  if (!name.startsWith('migrate-')) return read.Config
  if (read.MigrateConfig === undefined) throw new Error(`${service} has no migrations`)
  return read.MigrateConfig
}

/** Whichever way a variable is given. */
export const givenTo = (names: string[]): string[] => names.map((name) => name.replace(/_FILE$/, ''))

/** What is wrong with values that are given as they are; those that are files are left out. */
export function settledValues(schema: z.ZodObject, values: readonly (readonly [string, string])[]): string[] {
  const all = schema.extend(OperatorConfig.shape)
  const known = values.filter(([name, value]) => name in all.shape && value !== '')
  const names = Object.fromEntries(known.map(([name]) => [name, true as const]))
  const parsed = all.pick(names as never).safeParse(Object.fromEntries(known))
  return (parsed.error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)
}
