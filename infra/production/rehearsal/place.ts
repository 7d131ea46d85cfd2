// What Compose would give a container, at this machine's addresses.
import { SetupError } from '../../dev/setup-error.ts'
import type { DataDir } from '../../dev/data-dir.ts'
import { filled, readCompose, type ComposeService } from '../compose-file.ts'
import { freePorts } from '../free-ports.ts'
import type { Runner } from './runner.ts'

export const PORTS = ['nats', 'monitor', 'socket', 'redis', 'http', 'https', 'caddyHealth', 'mail'] as const
export type Ports = Record<(typeof PORTS)[number], number>

/** Whose HTTP port is named by which variable. */
const PORT_OF: Record<string, string> = {
  'rest-gateway': 'API_PORT',
  'mcp-gateway': 'MCP_PORT',
  decision: 'DECISION_PORT',
  web: 'WEB_PORT',
}

export type Place = {
  dataDir: DataDir
  compose: ReturnType<typeof readCompose>
  settings: Record<string, string>
  secrets: string
  ports: Ports
  /** HTTP port of each service that has one. */
  http: Record<string, number>
  metrics: Record<string, number>
  runner: Runner
  progress: (line: string) => void
}

export async function placeOf(
  given: Pick<Place, 'dataDir' | 'secrets' | 'settings' | 'ports' | 'runner' | 'progress'>,
): Promise<Place> {
  const compose = readCompose()
  const built = Object.keys(compose.services).filter((name) => compose.services[name]?.build !== undefined)
  const [http, metrics] = [await freePorts(Object.keys(PORT_OF)), await freePorts(built)]
  return { ...given, compose, http, metrics }
}

/** Where secrets are is the runner's matter: they are named as in the container. */
export function environmentOf(place: Place, name: string): Record<string, string> {
  const { environment = {} } = place.compose.services[name]!
  const given = Object.entries(environment).map(([variable, text]) => [
    variable,
    filled(String(text), place.settings),
  ])
  const { http, metrics, ports } = place
  const moved: Record<string, string> = {
    NATS_URL: `nats://127.0.0.1:${ports.nats}`,
    SIEM_PUBLIC_URL: `wss://${place.settings['SIEM_DOMAIN']}:${ports.https}`,
    INTERNAL_API_URL: `http://127.0.0.1:${http['rest-gateway']}`,
    HOST: '127.0.0.1',
    // All of them are at one address here.
    TRUST_PROXY: '127.0.0.1',
    ...(PORT_OF[name] === undefined ? {} : { [PORT_OF[name]]: String(http[name]) }),
  }
  const all = Object.fromEntries(given) as Record<string, string>
  for (const variable of Object.keys(all)) all[variable] = moved[variable] ?? all[variable]!
  return { ...all, METRICS_PORT: String(metrics[name] ?? ''), LOG_LEVEL: 'warn' }
}

/** Each secret that a service is given: where it lies in its container, and on this machine. */
export function secretFilesOf({ compose, settings }: Place, name: string): [string, string][] {
  return (compose.services[name]?.secrets ?? []).map(({ source, target }) => {
    const file = compose.secrets[source]?.file
    if (file === undefined) throw new SetupError(`docker-compose.yml declares no secret ${source}.`)
    return [`/run/secrets/${target}`, filled(file, settings)]
  })
}

const folderOf = ({ build }: ComposeService) =>
  build?.dockerfile.endsWith('web.Dockerfile') ? 'web' : build?.args?.['FOLDER']

/** The package that its image is made of, by its own build or by that of another service. */
export function packageOf({ compose }: Place, name: string): string {
  const { image } = compose.services[name]!
  const builder = Object.values(compose.services).find(
    (each) => each.image === image && each.build !== undefined,
  )
  const folder = builder && folderOf(builder)
  if (folder === undefined) throw new SetupError(`Nothing builds ${image}.`)
  return folder
}
