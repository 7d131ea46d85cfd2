// `mcpshield wrap [--policy FILE] [--project ID] [--name NAME] -- CMD ARGS…`
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { basename } from 'node:path'
import type { ToolCatalog } from '@mcpshield/mcp/tool-catalog'
import { pinsFile, pinsPath } from '../pins-file.ts'
import { readPolicyFile } from '../policy-file.ts'
import { openProject, type ProjectAccess } from '../project-access.ts'
import { checkedServer, NO_SYSTEMS, type Systems } from '../systems-file.ts'
import { CommandError, NEGATIVE, write, type World } from '../world.ts'
import { decisionLog } from '../wrap/decision-log.ts'
import { eventSender } from '../wrap/event-sender.ts'
import { eventSpool } from '../wrap/event-spool.ts'
import { openJudge } from '../wrap/judge.ts'
import { clientLost, passLines } from '../wrap/passing-lines.ts'
import { inForce, type PolicySource } from '../wrap/policy-in-force.ts'
import { projectPolicy } from '../wrap/project-policy.ts'
import { everyRecord, type Records } from '../wrap/records.ts'
import { openRelay } from '../wrap/relay.ts'
import { startServer } from '../wrap/server-process.ts'
import { pinnedTools } from '../wrap/tool-pins.ts'
import { tellErrors } from './policy-eval.ts'

export type WrapOptions = {
  policy?: string
  project?: string
  api?: string
  name?: string
  server?: string
  log?: string
  pins?: string
  /** False with --no-ask. */
  ask: boolean
}

/** Enforces a policy between the client on our standard input and output, and the command. */
export async function wrap(world: World, command: string[], options: WrapOptions): Promise<number> {
  await using opened = new AsyncDisposableStack()
  const name = serverName(command, options.name)
  const systems: Systems =
    options.server === undefined ? NO_SYSTEMS : { servers: new Map([[name, checkedServer(options.server)]]) }
  const tell = (message: string) => world.stderr.write(`mcpshield: ${message}\n`)
  const project = options.project
  const access = project === undefined ? undefined : await openProject(world, project, options.api)
  const policy = await policySource(world, options, systems, access, opened)
  if (policy === undefined) return NEGATIVE
  const records = recordsOf(options, name, access, tell, opened)
  const catalog = catalogOf(world, options, name, tell)
  const server = await startServer(command, world.environment.forPrograms)
  const key = randomBytes(32)
  const relay = openRelay({
    name,
    judge: openJudge({ policy, records, now: () => new Date(), monotonicMs: () => performance.now() }),
    catalog,
    asks: options.ask,
    keyedHash: (text) => createHmac('sha256', key).update(text).digest('hex'),
    toClient: (line) => write(world.stdout, line).catch((error: unknown) => clientLost(world, server, error)),
    // That the server is gone, its end tells.
    toServer: (line) => write(server.input, line).catch(() => undefined),
    nowMs: () => performance.now(),
    tell,
  })
  return await passLines(world, server, relay)
}

const NAME = /^[a-z0-9-]{1,24}$/

/** The server's name in the policy: as it is given, or the command's own. */
function serverName([command = '']: string[], given: string | undefined): string {
  const own = basename(command)
    .toLowerCase()
    .replace(/\.[a-z0-9]+$/, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 24)
  return checkedName(given ?? own)
}

export function checkedName(name: string): string {
  if (NAME.test(name)) return name
  throw new CommandError(
    `a name is 1 to 24 of a-z 0-9 -, which ${JSON.stringify(name)} is not: give one with --name`,
  )
}

type Tell = (message: string) => void

/** A file's policy, or the project's; undefined for a file with errors, which are told. */
async function policySource(
  world: World,
  { policy: file, project }: WrapOptions,
  systems: Systems,
  access: ProjectAccess | undefined,
  opened: AsyncDisposableStack,
): Promise<PolicySource | undefined> {
  if (file === undefined) {
    if (access === undefined || project === undefined)
      throw new CommandError('give a policy: --policy FILE, or --project ID for that of a project')
    const tell = (message: string) => world.stderr.write(`mcpshield: ${message}\n`)
    return opened.use(await projectPolicy({ access, project, systems, tell })).source
  }
  if (file === '-') throw new CommandError('standard input is the client’s: the policy must be a file')
  const read = await readPolicyFile(world, file)
  if (read.policy === undefined) {
    tellErrors(world, [read])
    return undefined
  }
  const hash = createHash('sha256').update(read.text).digest('hex')
  const current = await inForce(read.policy, systems, { version: null, hash })
  return () => current
}

function recordsOf(
  { log }: WrapOptions,
  name: string,
  access: ProjectAccess | undefined,
  tell: Tell,
  opened: AsyncDisposableStack,
): Records {
  const all: Records[] = []
  if (log !== undefined) all.push(opened.use(decisionLog(log)))
  if (access !== undefined) {
    const sender = eventSender(access.api, tell)
    all.push(opened.use(eventSpool({ folder: access.folder('events'), name, sender, tell })))
  }
  return everyRecord(all)
}

/** The pins of this server's tools; null with `--pins none`. */
function catalogOf(world: World, { pins }: WrapOptions, name: string, tell: Tell): ToolCatalog | null {
  if (pins === 'none') return null
  const file = pinsFile(pins ?? pinsPath(world, name))
  file.read() // What cannot be read is said before anything starts.
  return pinnedTools({ name, file, given: pins, now: () => new Date(), tell })
}
