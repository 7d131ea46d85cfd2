// What the form of a connection says, as the API takes it, and what each kind needs. Pure.
import type { Output } from '@mcpshield/contracts/define'
import type { projects } from '@mcpshield/contracts/projects'
import { KINDS, type Kind } from '../../../infrastructure.ts'

export type Connection = Output<typeof projects.rpc.getConnection>
type Options = Connection['options']
type Settings = { url?: string; path?: string; options: Options }

/** How a kind is reached, by example. */
export const HELP: Record<Kind, { field: 'url' | 'path'; example: string; hint: string }> = {
  postgresql: {
    field: 'url',
    example: 'postgresql://agent:password@db.example.com:5432/shop?sslmode=require',
    hint: 'User, password, host, port and database. Give the agent a role of its own with few rights.',
  },
  mysql: {
    field: 'url',
    example: 'mysql://agent:password@db.example.com:3306/shop',
    hint: 'MySQL or MariaDB. Names without a database are of the one at the end.',
  },
  mongodb: {
    field: 'url',
    example: 'mongodb://agent:password@db.example.com:27017/shop',
    hint: 'Several hosts, or mongodb+srv://, are good too. The database stands at the end.',
  },
  redis: {
    field: 'url',
    example: 'rediss://agent:password@cache.example.com:6379/0',
    hint: 'redis:// without encryption, rediss:// with it. The number of the database stands at the end.',
  },
  sqlite: {
    field: 'path',
    example: '/srv/data/shop.sqlite',
    hint: 'The whole path of the file, on the gateway’s machine.',
  },
  files: {
    field: 'path',
    example: '/srv/agent-files',
    hint: 'The whole path of one folder, on the gateway’s machine. Nothing outside it can be reached.',
  },
  http: {
    field: 'url',
    example: 'https://api.example.com/v1/',
    hint: 'Requests then stay below it. Empty: wherever a rule’s allowed_domains say.',
  },
}

export function kindOf(text: string | null | undefined): Kind {
  return KINDS.find((kind) => kind === text) ?? 'postgresql'
}

const textOf = (form: FormData, name: string) => {
  const value = form.get(name)
  return typeof value === 'string' ? value.trim() : ''
}

export function listIn(text: string): string[] {
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
}

/** Where it is: nothing where the field is empty, which leaves what is there. */
export function settingsIn(form: FormData, kind: Kind, before: Options = {}): Settings {
  const { field } = HELP[kind]
  const where = textOf(form, field)
  return { ...(where === '' ? {} : { [field]: where }), options: optionsIn(form, kind, before) }
}

/** Options that the form does not know stay. */
function optionsIn(form: FormData, kind: Kind, before: Options): Options {
  if (kind === 'postgresql') {
    const [path, pure] = [listIn(textOf(form, 'search_path')), listIn(textOf(form, 'pure_functions'))]
    return changed(before, {
      search_path: path.length > 0 ? path : undefined,
      pure_functions: pure.length > 0 ? pure : undefined,
    })
  }
  if (kind === 'http')
    return changed(before, { allow_private: form.get('allow_private') === 'on' ? true : undefined })
  return before
}

function changed(before: Options, changes: Record<string, Options[string] | undefined>): Options {
  return Object.fromEntries(
    Object.entries({ ...before, ...changes }).filter(
      (entry): entry is [string, Options[string]] => entry[1] !== undefined,
    ),
  )
}

/** A list of an option, as it is typed. */
export function shownList(value: unknown): string {
  return Array.isArray(value) ? value.join(', ') : ''
}
