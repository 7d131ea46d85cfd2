// The jobs and services of docker-compose.yml in containers of images that were built: the user, the file system, the
// rights and the bounds that are written there. They are on this machine's network, as its stores are.
import { filled, type ComposeService } from '../compose-file.ts'
import { environmentOf, secretFilesOf, type Place } from './place.ts'
import { exitCode, type Runner } from './runner.ts'

/** As long as Compose waits for the first answer. */
const READY_WITHIN_MS = 60_000

/** `engine`: docker or podman, with what is to be said to it before every command. */
export function inContainers(engine: readonly string[]): Runner {
  const [command = '', ...args] = engine
  const run = (place: Place, name: string) => ({
    command,
    args: [...args, 'run', '--rm', `--name=${containerOf(name)}`, ...flagsOf(place, name)],
  })
  const health = (name: string) =>
    exitCode({
      command,
      args: [...args, 'exec', containerOf(name), 'node', '/app/infra/docker/health.js'],
      env: process.env,
    })
  return {
    job: (place, name) => exitCode({ ...run(place, name), env: process.env }),
    service: (place, name) => ({
      launch: () => run(place, name),
      readyTimeoutMs: READY_WITHIN_MS,
      async ready() {
        // Starting a program in each container again and again would keep them from starting.
        await fetch(`http://127.0.0.1:${place.metrics[name]}/health`)
        if ((await health(name)) !== 0) throw new Error('its health check does not say well')
      },
    }),
    health: (_place, name) => health(name),
  }
}

export const containerOf = (name: string) => `mcpshield-rehearsal-${name}`

function flagsOf(place: Place, name: string): string[] {
  const service = place.compose.services[name]!
  const fill = (text: string) => filled(text, place.settings)
  const environment = Object.entries(environmentOf(place, name))
  return [
    '--network=host',
    // It is asked by hand.
    '--no-healthcheck',
    ...(service.read_only === true ? ['--read-only'] : []),
    `--user=${fill(service.user ?? '')}`,
    ...(service.cap_drop ?? []).map((each) => `--cap-drop=${each}`),
    ...(service.security_opt ?? []).map((each) => `--security-opt=${each}`),
    ...(service.tmpfs ?? []).map((each) => `--tmpfs=${each}`),
    ...boundsOf(service),
    ...secretFilesOf(place, name).map(([target, file]) => `--volume=${file}:${target}:ro`),
    ...environment.map(([variable, value]) => `--env=${variable}=${value}`),
    fill(service.image),
    ...(service.command ?? []),
  ]
}

function boundsOf({ deploy }: ComposeService): string[] {
  const { cpus, memory, pids } = deploy?.resources?.limits ?? {}
  return [`--cpus=${cpus}`, `--memory=${memory?.toLowerCase()}`, `--pids-limit=${pids}`]
}
