// The kinds of system that a project guards, as people call them.
import type { Connection } from '@mcpshield/contracts/projects'
import type { z } from 'zod'

export type Kind = z.infer<typeof Connection>['kind']

export const KIND_NAMES: Record<Kind, string> = {
  postgresql: 'PostgreSQL',
  mysql: 'MySQL',
  sqlite: 'SQLite',
  mongodb: 'MongoDB',
  redis: 'Redis',
  files: 'Files',
  http: 'HTTP',
}

export const KINDS = Object.keys(KIND_NAMES) as Kind[]

export const ENVIRONMENTS = [
  { value: 'dev', label: 'Development' },
  { value: 'staging', label: 'Staging' },
  { value: 'prod', label: 'Production' },
] as const

export type EnvironmentName = (typeof ENVIRONMENTS)[number]['value']

export function environmentLabel(value: string): string {
  return ENVIRONMENTS.find((each) => each.value === value)?.label ?? value
}

/** The kinds chosen in a form, and no others. */
export function kindsIn(form: FormData): Kind[] {
  return form.getAll('infrastructure').filter((each): each is Kind => KINDS.includes(each as Kind))
}

/** The environment chosen in a form; development where it is none. */
export function environmentIn(value: string | undefined): EnvironmentName {
  return ENVIRONMENTS.find((each) => each.value === value)?.value ?? 'dev'
}

/** The first word of the tools that a connection of a kind is used by: `postgres.query`. */
export const CONNECTORS: Record<Kind, string> = {
  postgresql: 'postgres',
  mysql: 'mysql',
  sqlite: 'sqlite',
  mongodb: 'mongodb',
  redis: 'redis',
  files: 'filesystem',
  http: 'network',
}
