// How the jobs and services of docker-compose.yml are run: as processes of this machine, or in containers.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { saysReady, type Launch, type ProcessSpec } from '../../dev/process.ts'
import { ROOT } from '../compose-file.ts'
import { environmentOf, packageOf, secretFilesOf, type Place } from './place.ts'

export type Runner = {
  /** Exit code of a job. */
  job(place: Place, name: string): Promise<number>
  service(place: Place, name: string): Pick<ProcessSpec, 'launch' | 'ready' | 'readyTimeoutMs'>
  /** Exit code of the health check of a service's container. */
  health(place: Place, name: string): Promise<number>
}

const JOB_WITHIN_MS = 60_000

/** By this Node, out of this checkout. */
export const asProcesses: Runner = {
  job(place, name) {
    const { command = [] } = place.compose.services[name]!
    return exitCode({
      command: process.execPath,
      args: command,
      env: ownEnvironment(place, name),
      cwd: join(ROOT, packageOf(place, name)),
    })
  },
  service(place, name) {
    const launch = (): Launch => ({
      command: process.execPath,
      args: ['src/main.ts'],
      env: ownEnvironment(place, name),
      cwd: join(ROOT, packageOf(place, name)),
      ipc: true,
    })
    return { launch, ready: saysReady }
  },
  health: (place, name) =>
    exitCode({
      command: process.execPath,
      args: [join(ROOT, 'infra/docker/health.js')],
      env: { METRICS_PORT: String(place.metrics[name]) },
    }),
}

function ownEnvironment(place: Place, name: string): Record<string, string> {
  const files = new Map(secretFilesOf(place, name))
  const entries = Object.entries(environmentOf(place, name))
  return Object.fromEntries(entries.map(([variable, value]) => [variable, files.get(value) ?? value]))
}

/** Of a program that ends by itself; what it said is shown when that is not 0. */
export async function exitCode({ command, args, env, cwd = ROOT }: Launch): Promise<number> {
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const late = setTimeout(() => child.kill('SIGKILL'), JOB_WITHIN_MS)
  const [code] = (await once(child, 'exit')) as [number | null]
  clearTimeout(late)
  if (code !== 0) console.error(output.slice(-2_000))
  return code ?? 1
}
