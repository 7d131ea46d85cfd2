// A real Caddy with the real Caddyfile, at ports that anybody may listen on.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { supervise } from '../../dev/process.ts'
import { ask } from '../../dev/server-probe.ts'
import { ROOT } from '../compose-file.ts'
import type { ConnectTo } from '../verify/asking.ts'
import type { Place } from './place.ts'

export async function startCaddy(
  place: Place,
  command: string,
  stack: AsyncDisposableStack,
): Promise<ConnectTo> {
  const { ports, http, dataDir } = place
  const home = join(dataDir.path, 'caddy')
  const options = [
    'local_certs',
    'skip_install_trust',
    `http_port ${ports.http}`,
    `https_port ${ports.https}`,
  ]
  const env = {
    ...place.settings,
    HOME: home,
    XDG_DATA_HOME: home,
    XDG_CONFIG_HOME: home,
    CADDY_GLOBAL_OPTIONS: options.join('\n'),
    CADDY_ADMIN: `unix/${join(dataDir.path, 'caddy-admin.sock')}`,
    SIEM_SITE: 'siem',
    SIEM_UPSTREAM: `127.0.0.1:${ports.socket}`,
    CADDY_HEALTH_PORT: String(ports.caddyHealth),
    WEB_UPSTREAM: `127.0.0.1:${http['web']}`,
    REST_GATEWAY_UPSTREAM: `127.0.0.1 ${http['rest-gateway']}`,
    MCP_GATEWAY_UPSTREAM: `127.0.0.1 ${http['mcp-gateway']}`,
    DECISION_UPSTREAM: `127.0.0.1 ${http['decision']}`,
  }
  const args = ['run', '--config', join(ROOT, 'Caddyfile'), '--adapter', 'caddyfile']
  const authority = join(home, 'caddy/pki/authorities/local/root.crt')
  stack.use(
    await supervise({
      name: 'caddy',
      dataDir: dataDir.path,
      launch: () => ({ command, args, env }),
      async ready() {
        if (!existsSync(authority)) throw new Error('it has made no authority yet')
        await fetch(`http://127.0.0.1:${ports.caddyHealth}/`)
        // Certificates are made a moment later.
        await ask(ports.https, '', () => true).catch(() => undefined)
      },
      progress: place.progress,
    }),
  )
  return {
    host: '127.0.0.1',
    port: ports.https,
    plainPort: ports.http,
    authority: readFileSync(authority, 'utf8'),
  }
}
