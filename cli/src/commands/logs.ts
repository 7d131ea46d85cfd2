// `mcpshield logs`: the record of decisions, the newest last; with --follow as they are made.
import { setTimeout as sleep } from 'node:timers/promises'
import { bodyOf, itemsOf, understood } from '../answers.ts'
import { lineOf, matches, type LogFilter, type LogRecord } from '../audit-lines.ts'
import { colorsFor } from '../diagnostics-text.ts'
import { eventsOf } from '../event-stream.ts'
import { chosenProject, projectId } from '../project-choice.ts'
import { LoginOver } from '../login.ts'
import { openRestApi, type Account } from '../rest-api.ts'
import { bodyFrom, type RestApi } from '../rest-client.ts'
import { CommandError, DONE, SERVER, write, type World } from '../world.ts'

export type LogsOptions = Account &
  LogFilter & {
    project?: string
    allProjects?: boolean
    from?: string
    to?: string
    limit: number
    follow?: boolean
    json?: boolean
  }

export async function logs(world: World, options: LogsOptions): Promise<number> {
  if (options.follow && options.to !== undefined)
    throw new CommandError('--follow goes on, and --to ends: give one of them')
  const api = await openRestApi(world, options)
  const project = await projectOf(world, api, options)
  const printer = printerOf(world, options)
  if (!options.follow) {
    await printer.list(await recordsOf(api, project, options))
    return DONE
  }
  return follow({ world, api, project, options, printer })
}

/** Without a word about it the records are those of all projects. */
async function projectOf(world: World, api: RestApi, options: LogsOptions): Promise<string | undefined> {
  if (options.allProjects) return undefined
  const project = options.project ?? (await chosenProject(world, api))
  return project === undefined ? undefined : projectId(world, api, { project })
}

/** Oldest first. */
async function recordsOf(
  api: RestApi,
  project: string | undefined,
  { limit, ...options }: LogsOptions,
): Promise<LogRecord[]> {
  const { decision, tool, rule, agent, search, from, to } = options
  const given = { project_id: project, decision, tool, rule, agent, q: search, from, to }
  const query = Object.entries(given)
    .filter((entry): entry is [string, string] => entry[1] !== undefined)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
  const { items } = await itemsOf<LogRecord>(
    api,
    `/audits${query.length === 0 ? '' : `?${query.join('&')}`}`,
    limit,
  )
  return items.reverse()
}

type Printer = {
  /** By the server's clock, of the newest record that was shown. */
  newest(): string | undefined
  list(records: LogRecord[]): Promise<void>
  event(phase: string, record: LogRecord): Promise<void>
}

/** How many records are remembered, so that none is shown twice. */
const REMEMBERED = 10_000

function printerOf(world: World, { json }: LogsOptions): Printer {
  const colors = colorsFor(world, world.stdout)
  // What was shown of a record: whether with what came of it.
  const shown = new Map<string, boolean>()
  let newest: string | undefined
  const print = async (record: LogRecord, phase: 'record' | 'outcome') => {
    if (newest === undefined || record.time > newest) newest = record.time
    shown.set(record.id, record.outcome !== null)
    for (const id of shown.keys()) {
      if (shown.size <= REMEMBERED) break
      shown.delete(id)
    }
    const text = json ? JSON.stringify(record) : understood(() => lineOf(record, phase, colors))
    await write(world.stdout, `${text}\n`)
  }
  return {
    newest: () => newest,
    async list(records) {
      for (const record of records) {
        const before = shown.get(record.id)
        if (before === undefined) await print(record, 'record')
        else if (!before && record.outcome !== null) await print(record, 'outcome')
      }
    },
    async event(phase, record) {
      if (phase === 'outcome' ? shown.get(record.id) === true : shown.has(record.id)) return
      await print(record, phase === 'outcome' ? 'outcome' : 'record')
    },
  }
}

type Following = {
  world: World
  api: RestApi
  project: string | undefined
  options: LogsOptions
  printer: Printer
}

const WAIT_MS = { first: 1_000, most: 30_000 }
/** How far back is looked after an interruption: outcomes come later than their decisions. */
const OVERLAP_MS = 60_000
/** How much of what was missed meanwhile is fetched. */
const CAUGHT_UP = 5_000

/** Until it is ended from outside, or the server says no. */
async function follow(following: Following): Promise<number> {
  const { world, options, printer } = following
  let waitMs = WAIT_MS.first
  for (;;) {
    const newest = printer.newest()
    const since =
      newest === undefined
        ? options
        : { ...options, from: new Date(Date.parse(newest) - OVERLAP_MS).toISOString(), limit: CAUGHT_UP }
    const startedMs = performance.now()
    const problem = await followOnce(following, since)
    if (performance.now() - startedMs > WAIT_MS.most) waitMs = WAIT_MS.first
    if (problem !== undefined) world.stderr.write(`mcpshield: ${problem}; again in ${waitMs / 1000} s\n`)
    await sleep(waitMs)
    waitMs = Math.min(waitMs * 2, WAIT_MS.most)
  }
}

/** What another try may mend. */
class Interrupted extends Error {}

/** Why it came to an end; undefined where the server ended it in good order, as it does with each access token. */
async function followOnce(following: Following, options: LogsOptions): Promise<string | undefined> {
  const leaving = new AbortController()
  try {
    await readStream(following, options, leaving.signal)
    return undefined
  } catch (error) {
    if (error instanceof Interrupted) return error.message
    throw error
  } finally {
    leaving.abort()
  }
}

/** The stream is opened first, so that nothing falls between what was and what comes. */
async function readStream({ api, project, printer }: Following, options: LogsOptions, signal: AbortSignal) {
  const query = project === undefined ? '' : `?project_id=${encodeURIComponent(project)}`
  const response = await interruptible(() => api.open(`/audits/live${query}`, signal))
  if (response.status !== 200) await refuse(response)
  await printer.list(await interruptible(() => recordsOf(api, project, options)))
  const events = eventsOf(response)
  for (;;) {
    const next = await events.next().catch((error: Error) => {
      throw new Interrupted(`the connection is lost: ${error.message}`)
    })
    if (next.done) throw new Interrupted('the connection is lost')
    if (next.value.event === 'end') return
    const record = recordOf(next.value.data)
    if (matches(record, options)) await printer.event(next.value.event, record)
  }
}

async function interruptible<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof CommandError && error.exitCode === SERVER && !(error instanceof LoginOver))
      throw new Interrupted(error.message)
    throw error
  }
}

async function refuse(response: Response): Promise<never> {
  const body = await bodyFrom(response).catch(() => undefined)
  if (response.status >= 500 || response.status === 429)
    throw new Interrupted(`the server answered ${response.status}`)
  bodyOf({ status: response.status, body })
  throw new CommandError(`the server answered ${response.status}`, SERVER)
}

function recordOf(data: string): LogRecord {
  return understood(() => JSON.parse(data) as LogRecord)
}
