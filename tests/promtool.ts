// Prometheus' checker of configurations, where there is one: on the path, or named in PROMTOOL.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export function promtool(env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env.PROMTOOL) return env.PROMTOOL
  return (env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'promtool'))
    .find((path) => existsSync(path))
}
