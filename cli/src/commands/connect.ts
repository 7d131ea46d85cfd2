// `mcpshield connect [CLIENT…]`: leads the MCP clients of this machine through the gateway. Shows what it will change,
// keeps the file as it was, and changes nothing that is as it should be.
import { hostname } from 'node:os'
import { jsonText, WITHIN_MS } from '../answers.ts'
import { clientsNamed, CLIENTS, installedClients } from '../clients/clients.ts'
import type { McpClient } from '../clients/client.ts'
import { digestOf, isReadByOthers, replaceConfig } from '../clients/config-file.ts'
import { CannotEdit } from '../clients/config-text.ts'
import {
  backupPath,
  keepBackup,
  readConnection,
  writeConnection,
  type ConnectionRecord,
} from '../clients/connections.ts'
import { changeText, isPossible, newText, planFor, type Impossible, type Plan } from '../clients/plan.ts'
import { colorsFor } from '../diagnostics-text.ts'
import { gatewayUrl, keyState, newKeyState } from '../gateway.ts'
import { printable } from '../printable.ts'
import { projectId } from '../project-choice.ts'
import { openRestApi, openBase, type Account } from '../rest-api.ts'
import { addressOf, isThisMachine, type RestApi } from '../rest-client.ts'
import { askYes } from '../terminal.ts'
import { CommandError, DONE, NEGATIVE, write, type World } from '../world.ts'
import { keysPath, makeKey, type MadeKey } from './keys.ts'
import { readLogin } from '../login-file.ts'

export type ConnectOptions = Account & {
  project?: string
  mcp?: string
  yes?: boolean
  dryRun?: boolean
  undo?: boolean
  json?: boolean
}

export async function connect(world: World, ids: string[], options: ConnectOptions): Promise<number> {
  const clients = chosen(world, ids)
  const url = await gatewayUrl(world, await apiAddress(world, options), options.mcp)
  if (new URL(url).protocol === 'http:' && !isThisMachine(new URL(url)))
    world.stderr.write(`mcpshield: ${url} is not https: others can read the key and the calls\n`)
  const given = world.environment.apiKey
  if (given !== undefined) await requireGood(url, given)
  const { machine } = world.environment
  const plans: (Plan | Impossible)[] = []
  for (const client of clients)
    plans.push(await planFor(client, machine, { url, key: given, check: (key) => keyState(url, key) }))
  const toChange = plans.filter(isPossible).filter(({ state }) => state === 'to change')
  const keys = await keySource(world, options, given, toChange)
  if (!options.json) await write(world.stdout, planText(world, plans, url))
  const failed = plans.some((plan) => !isPossible(plan))
  if (options.dryRun || toChange.length === 0) {
    if (options.json) await write(world.stdout, plans.map((plan) => jsonText(toldPlan(plan))).join(''))
    return failed ? NEGATIVE : DONE
  }
  await confirm(world, options, keys.note)
  const done = []
  for (const plan of plans) done.push(await carryOut(world, plan, url, keys))
  await write(world.stdout, options.json ? done.map(jsonText).join('') : doneText(world, done))
  return done.some(({ change }) => change === 'failed') ? NEGATIVE : DONE
}

function chosen(world: World, ids: string[]): McpClient[] {
  if (ids.length > 0) return clientsNamed(ids)
  const found = installedClients(world.environment.machine)
  if (found.length > 0) return found
  throw new CommandError(
    `none of the clients that are known is on this machine: ${CLIENTS.map(({ id }) => id).join(', ')}. Name one to connect it all the same`,
    NEGATIVE,
  )
}

async function apiAddress(world: World, options: ConnectOptions): Promise<string> {
  const said = options.api ?? world.environment.apiUrl ?? (await readLogin(world))?.api
  return addressOf(openBase(world, said === undefined ? {} : { api: said }))
}

async function requireGood(url: string, key: string): Promise<void> {
  const state = await keyState(url, key)
  if (state === 'refused')
    throw new CommandError(`${url} does not take the key in MCPSHIELD_API_KEY`, NEGATIVE)
  if (state !== 'good') throw new CommandError(`${url}: ${printable(state.problem)}`, 3)
}

type FreshKey = MadeKey & { api: RestApi; project: string }

type KeySource = {
  /** What will be made, for who is asked; undefined when nothing is. */
  note: string | undefined
  keyFor(client: McpClient): Promise<{ key: string; made?: FreshKey }>
}

/** The key of the environment for all, or a key of its own for each client: then one can be revoked, and the record tells them apart. */
async function keySource(
  world: World,
  options: ConnectOptions,
  given: string | undefined,
  plans: Plan[],
): Promise<KeySource> {
  if (given !== undefined) return { note: undefined, keyFor: async () => ({ key: given }) }
  if (plans.every(({ key }) => key !== null) || options.dryRun)
    return { note: undefined, keyFor: () => Promise.reject(new CommandError('no key is needed')) }
  const api = await openRestApi(world, options)
  const project = await projectId(world, api, options)
  return {
    note: `An API key of the project is made for each client.`,
    async keyFor({ name }) {
      const made = await makeKey(api, project, { name: `${name} on ${hostname()}`.slice(0, 100) })
      return { key: made.secret, made: { ...made, api, project } }
    },
  }
}

async function confirm(world: World, { yes }: ConnectOptions, note: string | undefined): Promise<void> {
  if (yes) return
  const answer = await askYes(world, `${note === undefined ? '' : `${note} `}Change these files? [y/N] `)
  if (answer === undefined)
    throw new CommandError('there is nobody to ask: give --yes, or --dry-run to look only')
  if (!answer) throw new CommandError('nothing was changed', NEGATIVE)
}

type Done = {
  client: string
  file: string
  change: 'none' | 'added' | 'replaced' | 'failed'
  then?: string
  problem?: string
  backup?: string
  read_by_others?: boolean
}

async function carryOut(world: World, plan: Plan | Impossible, url: string, keys: KeySource): Promise<Done> {
  const { client, file } = plan
  const told = { client: client.id, file }
  if (!isPossible(plan)) return { ...told, change: 'failed', problem: plan.problem }
  if (plan.state === 'connected') return { ...told, change: 'none' }
  const { key, made } = plan.key === null ? await keys.keyFor(client) : { key: plan.key, made: undefined }
  try {
    if (made !== undefined) await requireTaken(url, key)
    const before = await readConnection(world, client.id)
    const backup = await change(world, plan, newText(plan, { url, key }), { before, made })
    // The key before it is in no file any more.
    if (made !== undefined && before?.key?.api === made.api.address) await revoke(made.api, before.key)
    return {
      ...told,
      change: plan.existing === undefined ? 'added' : 'replaced',
      then: client.then,
      ...(backup === null ? {} : { backup }),
      ...((await isReadByOthers(file, world.environment.machine.platform)) ? { read_by_others: true } : {}),
    }
  } catch (error) {
    // A key that nobody has is not left behind.
    if (made !== undefined) await revoke(made.api, { project_id: made.project, key_id: made.id })
    if (error instanceof CannotEdit) return { ...told, change: 'failed', problem: error.message }
    throw error
  }
}

/** As far as it can be done: what came of it is not this command's answer. */
async function revoke(api: RestApi, key: { project_id: string; key_id: string }): Promise<void> {
  const path = `${keysPath(key.project_id)}/${encodeURIComponent(key.key_id)}`
  await api.request('DELETE', path, undefined, WITHIN_MS).catch(() => undefined)
}

/** A client that reads its file at once must not be refused; and the gateway may be another product's than the API. */
async function requireTaken(url: string, key: string): Promise<void> {
  const state = await newKeyState(url, key)
  if (state === 'refused')
    throw new CannotEdit(`${url} does not take keys of this API: is it another’s gateway?`)
  if (state !== 'good') throw new CannotEdit(`${url}: ${state.problem}`)
}

/** Backup first, then the file, then what is known of it. Answers where the backup is. */
async function change(
  world: World,
  { client, file, bytes, path }: Plan,
  text: string,
  { before, made: key }: { before: ConnectionRecord | undefined; made: FreshKey | undefined },
): Promise<string | null> {
  const name = bytes === null ? null : await keepBackup(world, client.id, bytes)
  const after = Buffer.from(text)
  const made = await replaceConfig(file, bytes, after)
  const continues = before !== undefined && before.file === file
  const untouched = continues && before.left === (bytes === null ? '' : digestOf(bytes))
  await writeConnection(world, client.id, {
    file,
    path,
    backup: continues ? before.backup : name,
    ...folderMade(continues ? before.folder : made),
    left: digestOf(after),
    exact: !continues || (before.exact && untouched),
    key:
      key === undefined
        ? continues
          ? before.key
          : null
        : { api: key.api.address, project_id: key.project, key_id: key.id },
  })
  return name === null ? null : backupPath(world, client.id, name)
}

const folderMade = (folder: string | undefined) => (folder === undefined ? {} : { folder })

function planText(world: World, plans: (Plan | Impossible)[], url: string): string {
  const colors = colorsFor(world, world.stdout)
  const parts = plans.map((plan) => {
    const head = `${colors.bold(plan.client.name)}  ${printable(plan.file)}\n`
    if (!isPossible(plan)) return `${head}  ${colors.red('cannot be changed')}: ${printable(plan.problem)}\n`
    if (plan.state === 'connected') return `${head}  ${colors.green('connected already')}\n`
    return head + changeText(plan, url)
  })
  return `Gateway: ${url}\n\n${parts.join('\n')}\n`
}

function toldPlan(plan: Plan | Impossible): object {
  const { client, file } = plan
  const told = { client: client.id, file }
  if (!isPossible(plan)) return { ...told, change: 'failed', problem: plan.problem }
  if (plan.state === 'connected') return { ...told, change: 'none' }
  return { ...told, change: plan.existing === undefined ? 'to add' : 'to replace' }
}

function doneText(world: World, done: Done[]): string {
  const colors = colorsFor(world, world.stdout)
  return done
    .map(({ client, change, then, problem, backup, read_by_others }) => {
      if (change === 'failed') return `${colors.red('failed')}     ${client}: ${printable(problem ?? '')}\n`
      if (change === 'none') return ''
      const warning = read_by_others
        ? `           ${colors.yellow('others on this machine can read the file, and with it the key')}\n`
        : ''
      const kept = backup === undefined ? '' : `           as it was: ${printable(backup)}\n`
      return `${colors.green('connected')}  ${client}: ${then}\n${kept}${warning}`
    })
    .join('')
}
