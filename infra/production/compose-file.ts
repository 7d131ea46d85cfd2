// docker-compose.yml as data, with its variables filled in.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'

export const ROOT = join(import.meta.dirname, '../..')

export type ComposeSecret = { source: string; target: string }
export type ComposeService = {
  image: string
  build?: { context: string; dockerfile: string; args?: Record<string, string> }
  command?: string[]
  entrypoint?: string[]
  environment?: Record<string, string>
  secrets?: ComposeSecret[]
  volumes?: string[]
  networks?: string[] | Record<string, object>
  depends_on?: Record<string, { condition: string }>
  profiles?: string[]
  ports?: string[]
  healthcheck?: { test?: string[]; disable?: boolean }
  user?: string
  read_only?: boolean
  cap_drop?: string[]
  cap_add?: string[]
  security_opt?: string[]
  restart?: string
  logging?: { driver: string; options: Record<string, string> }
  stop_grace_period?: string
  tmpfs?: string[]
  deploy?: { resources?: { limits?: { cpus?: string; memory?: string; pids?: number } } }
}
export type ComposeFile = {
  services: Record<string, ComposeService>
  networks: Record<string, { internal?: boolean } | null>
  secrets: Record<string, { file: string }>
}

/** As it is written: variables are not filled in. */
export function readCompose(file = 'docker-compose.yml'): ComposeFile {
  return parse(readFileSync(join(ROOT, file), 'utf8'), { merge: true, maxAliasCount: -1 }) as ComposeFile
}

/** As Compose fills it in: `${A}`, `${A:-else}`, `${A:?why}`, `${A:+then}`, `$$`. Throws what `:?` says. */
export function filled(text: string, values: Record<string, string>): string {
  return text.replace(
    /\$\$|\$\{([A-Z_]+)(?::([-?+])((?:[^{}]|\$\{[^}]*\})*))?\}|\$([A-Z_]+)/g,
    (whole, name: string | undefined, kind: string | undefined, rest: string | undefined, bare?: string) => {
      if (whole === '$$') return '$'
      const value = values[name ?? bare ?? ''] ?? ''
      if (kind === '-') return value === '' ? filled(rest ?? '', values) : value
      if (kind === '+') return value === '' ? '' : filled(rest ?? '', values)
      if (kind === '?' && value === '') throw new Error(`${name}: ${rest}`)
      return value
    },
  )
}
