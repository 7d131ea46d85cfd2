// `mcpshield projects`: those of the organisation, a new one, and the one that other commands are about.
import { bodyOf, itemsOf, jsonText, understood, WITHIN_MS } from '../answers.ts'
import { colorsFor } from '../diagnostics-text.ts'
import { printable } from '../printable.ts'
import { keepProject, keptProject, projectId } from '../project-choice.ts'
import { openRestApi, type Account } from '../rest-api.ts'
import { tableText } from '../table.ts'
import { DONE, write, type World } from '../world.ts'

export type ProjectsOptions = Account & { json?: boolean }
export type CreateProjectOptions = ProjectsOptions & { environment?: string; infrastructure?: string[] }

/** What of the API's projects is shown. */
type Project = {
  id: string
  name: string
  environment: string
  mode: string
  killed: boolean
  policy_version: number
}

export async function listProjects(world: World, options: ProjectsOptions): Promise<number> {
  const api = await openRestApi(world, options)
  const list = await itemsOf<Project>(api, '/projects')
  const chosen = await keptProject(world, api.address)
  await write(world.stdout, options.json ? jsonText(list) : listText(world, list.items, chosen?.id))
  return DONE
}

function listText(world: World, projects: Project[], chosen: string | undefined): string {
  if (projects.length === 0) return 'No projects.\n'
  const colors = colorsFor(world, world.stdout)
  return understood(() => {
    const rows = projects.map(({ id, name, environment, mode, killed, policy_version }) =>
      [id, name, environment, killed ? 'killed' : mode, policy_version, id === chosen ? 'chosen' : ''].map(
        String,
      ),
    )
    return tableText(['id', 'name', 'environment', 'mode', 'policy', ''], rows, {
      head: colors.bold,
      cell: (text) =>
        text === 'killed' ? colors.red(text) : text === 'monitor' ? colors.yellow(text) : text,
    })
  })
}

export async function createProject(
  world: World,
  name: string,
  { environment, infrastructure, ...options }: CreateProjectOptions,
): Promise<number> {
  const api = await openRestApi(world, options)
  const wanted = {
    name,
    ...(environment === undefined ? {} : { environment }),
    ...(infrastructure === undefined ? {} : { infrastructure }),
  }
  const body = bodyOf(await api.request('POST', '/projects', wanted, WITHIN_MS))
  const made = understood(() => {
    const { id, name: called } = body as Project
    return `Made the project ${printable(called)} (${printable(id)}), with a policy to begin with.\n`
  })
  await write(world.stdout, options.json ? jsonText(body) : made)
  return DONE
}

/** Chooses the project that commands are about when they are not told. */
export async function chooseProject(world: World, name: string, options: ProjectsOptions): Promise<number> {
  const api = await openRestApi(world, options)
  const id = await projectId(world, api, { project: name })
  const body = bodyOf(await api.request('GET', `/projects/${encodeURIComponent(id)}`, undefined, WITHIN_MS))
  const project = understood(() => {
    const { id: known, name: called } = body as Project
    return { id: String(known), name: String(called) }
  })
  const path = await keepProject(world, api.address, project)
  const said = `Commands are about ${printable(project.name)} now, where --project says nothing else (${path}).\n`
  await write(world.stdout, options.json ? jsonText(body) : said)
  return DONE
}
