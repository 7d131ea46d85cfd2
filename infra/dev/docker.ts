// The last resort for a store: a container whose life is that of the docker client we start.
import { execFile, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import type { Launch } from './process.ts'
import type { ServerName, Use } from './server-program.ts'

const IMAGES: Record<ServerName, string> = {
  'nats-server': 'nats:2.12-alpine',
  'redis-server': 'redis:7-alpine',
}
// The configuration says 127.0.0.1, which inside a container nobody reaches; the published port stays on loopback.
const LISTEN: Record<ServerName, string[]> = {
  'nats-server': ['-a', '0.0.0.0'],
  'redis-server': ['--bind', '0.0.0.0'],
}

export async function dockerAnswers(docker: string): Promise<boolean> {
  try {
    await promisify(execFile)(docker, ['version', '--format', '{{.Server.Version}}'], { timeout: 5000 })
    return true
  } catch {
    return false
  }
}

/** Fetches the image, which may take minutes; the start itself is then a matter of moments. */
export async function pullImage(docker: string, name: ServerName): Promise<void> {
  const exists = spawnSync(docker, ['image', 'inspect', IMAGES[name]], { stdio: 'ignore' }).status === 0
  if (!exists) await promisify(execFile)(docker, ['pull', '--quiet', IMAGES[name]], { timeout: 600_000 })
}

/** How to run a server in the foreground in a container, with its folder at the same path as outside. */
export function dockerLaunch(docker: string, name: ServerName, use: Use): Launch {
  const container = `mcpshield-${name}-${createHash('sha256').update(use.folder).digest('hex').slice(0, 12)}`
  // One left by a killed client would hold the port and the files.
  spawnSync(docker, ['rm', '--force', container], { stdio: 'ignore', timeout: 20_000 })
  return { command: docker, args: dockerArgs(container, name, use) }
}

export function dockerArgs(container: string, name: ServerName, { args, port, folder }: Use): string[] {
  const user = process.getuid ? ['--user', `${process.getuid()}:${process.getgid?.()}`] : []
  const publish = ['--publish', `127.0.0.1:${port}:${port}`, '--volume', `${folder}:${folder}`]
  return [
    'run',
    '--rm',
    '--name',
    container,
    ...user,
    ...publish,
    '--entrypoint',
    name,
    IMAGES[name],
    ...args,
    ...LISTEN[name],
  ]
}
