// Which project a command is about: the one that is named, the one that was chosen for this machine, or the only one.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { itemsOf } from './answers.ts'
import { printable } from './printable.ts'
import { member, type RestApi } from './rest-client.ts'
import { CommandError, type World } from './world.ts'

export type ProjectOption = { project?: string }
export type NamedProject = { id: string; name: string }

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The id of the project. A name is looked up; without one it is the chosen one, or else the only one there is. */
export async function projectId(world: World, api: RestApi, { project }: ProjectOption): Promise<string> {
  const given = project ?? (await chosenProject(world, api))
  if (given !== undefined && ID.test(given)) return given
  const { items } = await itemsOf<NamedProject>(api, '/projects')
  if (given !== undefined) return named(items, given)
  const [only, ...others] = items
  if (only === undefined)
    throw new CommandError('there is no project yet: run mcpshield projects create NAME')
  if (others.length === 0) return only.id
  throw new CommandError(
    `which project? Give --project, or run mcpshield projects use NAME. There are:${listed(items)}`,
  )
}

/** What the environment or `projects use` says; undefined where nothing does. */
export async function chosenProject(world: World, api: RestApi): Promise<string | undefined> {
  return world.environment.project ?? (await keptProject(world, api.address))?.id
}

/** By its exact name, or else by the only one that differs in the case of its letters. */
function named(projects: NamedProject[], name: string): string {
  const exact = projects.filter((each) => each.name === name)
  const like = projects.filter((each) => each.name.toLowerCase() === name.toLowerCase())
  const [found, ...others] = exact.length > 0 ? exact : like
  if (found !== undefined && others.length === 0) return found.id
  const problem =
    found === undefined
      ? `there is no project ${JSON.stringify(name)}. There are:`
      : `several projects are called ${JSON.stringify(name)}: give the id of one.`
  throw new CommandError(`${problem}${listed(found === undefined ? projects : [found, ...others])}`)
}

const SHOWN_AT_MOST = 20

function listed(projects: NamedProject[]): string {
  const lines = projects.slice(0, SHOWN_AT_MOST).map(({ id, name }) => `\n  ${id}  ${printable(name)}`)
  return projects.length > SHOWN_AT_MOST
    ? `${lines.join('')}\n  and ${projects.length - SHOWN_AT_MOST} more`
    : lines.join('') || '\n  none'
}

function pathOf({ environment }: World): string | undefined {
  return environment.configFolder === undefined
    ? undefined
    : join(environment.configFolder, 'mcpshield', 'project.json')
}

/** The project that was chosen for this server; undefined when it was none, or of another server. */
export async function keptProject(world: World, address: string): Promise<NamedProject | undefined> {
  const path = pathOf(world)
  if (path === undefined) return undefined
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    const kept = JSON.parse(text) as unknown
    const [api, id, name] = [member(kept, 'api'), member(kept, 'id'), member(kept, 'name')]
    return api === address && typeof id === 'string' && typeof name === 'string' ? { id, name } : undefined
  } catch {
    throw new CommandError(`${path} is no choice of a project: run mcpshield projects use NAME again`)
  }
}

export async function keepProject(world: World, address: string, project: NamedProject): Promise<string> {
  const path = pathOf(world)
  if (path === undefined)
    throw new CommandError('there is no home folder to keep the choice in: set MCPSHIELD_PROJECT')
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const { id, name } = project
  await writeFile(path, `${JSON.stringify({ api: address, id, name }, null, 2)}\n`)
  return path
}
