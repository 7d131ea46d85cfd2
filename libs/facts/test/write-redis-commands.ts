// Writes src/redis-commands.ts from a server's own table of commands: REDIS_URL=… node libs/facts/test/write-redis-commands.ts
import { writeFileSync } from 'node:fs'
import { Redis } from 'ioredis'
import type { KeySpec, RedisCommand } from '../src/redis-commands.ts'

type Reply = string | number | Reply[]

/** The server's table: name, or `container|subcommand`, → arity, flags and where its keys are. */
export async function tableOf(redis: Redis): Promise<Record<string, RedisCommand>> {
  const commands = (await redis.call('COMMAND')) as Reply[][]
  const all = commands.flatMap((command) => [command, ...(command[9] as Reply[][])])
  return Object.fromEntries(
    all
      .map((command): [string, RedisCommand] => [command[0] as string, entryOf(command)])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

function entryOf(command: Reply[]): RedisCommand {
  const specs = (command[8] as Reply[][]).map(mapOf).flatMap(specOf)
  return {
    arity: command[1] as number,
    flags: [...(command[2] as string[])].sort().join(' '),
    ...((command[9] as Reply[]).length > 0 ? { container: true } : {}),
    ...(specs.length > 0 ? { keys: specs } : {}),
  }
}

function mapOf(pairs: Reply): Record<string, Reply> {
  const list = pairs as Reply[]
  return Object.fromEntries(
    list.flatMap((key, at): [string, Reply][] =>
      at % 2 === 0 ? [[key as string, list[at + 1] as Reply]] : [],
    ),
  )
}

/** Places that the server itself calls unknown are left out: src/redis.ts knows the commands that have them. */
function specOf(spec: Record<string, Reply>): KeySpec[] {
  const flags = (spec.flags as string[]).join(' ')
  const begin = mapOf(spec.begin_search as Reply)
  const find = mapOf(spec.find_keys as Reply)
  if (flags.includes('not_key') || begin.type === 'unknown' || find.type === 'unknown') return []
  const at = mapOf(begin.spec as Reply)
  const how = mapOf(find.spec as Reply)
  return [
    {
      flags,
      begin:
        begin.type === 'index'
          ? { index: at.index as number }
          : { keyword: at.keyword as string, from: at.startfrom as number },
      find:
        find.type === 'range'
          ? { last: how.lastkey as number, step: how.keystep as number, limit: how.limit as number }
          : { count: how.keynumidx as number, first: how.firstkey as number, step: how.keystep as number },
    },
  ]
}

async function write(url: string): Promise<void> {
  const redis = new Redis(url)
  const version = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1]
  const lines = Object.entries(await tableOf(redis)).map(
    ([name, entry]) => `  ${/^\w+$/.test(name) ? name : `'${name}'`}: ${literal(entry)},\n`,
  )
  await redis.quit()
  const text = `// The table of commands of Redis ${version}, as its COMMAND tells it. Written by test/write-redis-commands.ts.

/** Where keys are among the arguments, as Redis describes it (redis.io/docs/latest/develop/reference/key-specs). */
export type KeySpec = {
  flags: string
  /** Where the search begins: at an argument, or behind a word that is looked for from one on. */
  begin: { index: number } | { keyword: string; from: number }
  /** Every \`step\`th argument up to the \`last\` (negative: from the end), or as many as an argument says. */
  find: { last: number; step: number; limit: number } | { count: number; first: number; step: number }
}

export type RedisCommand = {
  /** How many arguments with the name; negative: at least so many. */
  arity: number
  flags: string
  /** True where the first argument is the name of a subcommand. */
  container?: true
  keys?: readonly KeySpec[]
}

/** By lower-case name; subcommands as \`container|subcommand\`. */
// prettier-ignore
export const REDIS_COMMANDS: Readonly<Record<string, RedisCommand>> = {
${lines.join('')}}
`
  writeFileSync(new URL('../src/redis-commands.ts', import.meta.url), text)
}

function literal(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  return `{ ${Object.entries(value)
    .map(([key, member]) => `${key}: ${literal(member)}`)
    .join(', ')} }`
}

if (import.meta.main) await write(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379')
