// A whole product whose MCP gateway runs from a copy that can be changed.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { openDataDir, type DataDir } from '@mcpshield/infra/dev/data-dir.ts'
import { saysReady, supervise } from '@mcpshield/infra/dev/process.ts'
import { startStack, type Stack } from '@mcpshield/infra/dev/stack.ts'
import type { Place } from '../e2e/mcp-world.ts'

const ROOT = join(import.meta.dirname, '../..')
const FIRST_PORT = 22_400
const COPY_PORT = FIRST_PORT + 5

export type ChangeableProduct = AsyncDisposable & {
  /** Where tests find it: its MCP endpoint is the copy's. */
  place: Place
  /** The root of the copy. */
  folder: string
  /** Runs something with one text of the gateway's sources in the place of another. */
  changed<T>(file: string, find: string, replace: string, run: () => Promise<T>): Promise<T>
  /** Runs something while the copy's gateway is up. */
  running<T>(run: () => Promise<T>): Promise<T>
}

export async function startChangeableProduct(progress: (line: string) => void): Promise<ChangeableProduct> {
  await using stack = new AsyncDisposableStack()
  const folder = mkdtempSync(join(tmpdir(), 'mcpshield-mutation-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  copyGateway(folder)
  const dataDir = stack.use(openDataDir(join(folder, 'data')))
  const env = {
    ...process.env,
    API_PORT: String(FIRST_PORT),
    MCP_PORT: String(FIRST_PORT + 1),
    DECISION_PORT: String(FIRST_PORT + 2),
    MAIL_PORT: String(FIRST_PORT + 3),
    LOG_LEVEL: 'error',
  }
  const programsDir = join(ROOT, 'node_modules/.cache/mcpshield')
  const running = stack.use(await startStack({ dataDir, programsDir, env, progress }))
  const kept = stack.move()
  return {
    folder,
    place: {
      api: running.api,
      mcp: `http://localhost:${COPY_PORT}/mcp`,
      mail: running.mail ?? '',
      natsUrl: running.backing.natsUrl,
      operatorCreds: running.credsFile('operator'),
    },
    async changed(file, find, replace, run) {
      const path = join(folder, 'services/mcp-gateway/src', file)
      const text = readFileSync(path, 'utf8')
      if (text.split(find).length !== 2) throw new Error(`${file} has not once: ${find}`)
      writeFileSync(
        path,
        text.replace(find, () => replace),
      )
      try {
        return await run()
      } finally {
        writeFileSync(path, text)
      }
    },
    async running(run) {
      await using _gateway = await startGateway(folder, running, dataDir, progress)
      return await run()
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** The gateway alone: what it imports of the other packages is found where it always is. */
function copyGateway(folder: string): void {
  const own = join('services', 'mcp-gateway')
  mkdirSync(join(folder, own), { recursive: true })
  for (const part of ['src', 'test', 'package.json'])
    cpSync(join(ROOT, own, part), join(folder, own, part), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  symlinkSync(join(ROOT, own, 'node_modules'), join(folder, own, 'node_modules'))
  writeFileSync(
    join(folder, 'vitest.config.mjs'),
    "export default { test: { include: ['services/mcp-gateway/test/*.test.ts'] } }\n",
  )
}

function startGateway(folder: string, stack: Stack, dataDir: DataDir, progress: (line: string) => void) {
  const hex = (name: string) => Buffer.from(dataDir.secret(name), 'base64url').toString('hex')
  return supervise({
    name: 'changed-gateway',
    dataDir: dataDir.path,
    launch: () => ({
      command: process.execPath,
      args: [join(folder, 'services/mcp-gateway/src/main.ts')],
      env: {
        NATS_URL: stack.backing.natsUrl,
        NATS_CREDS_FILE: stack.credsFile('mcp-gateway'),
        REDIS_URL: stack.backing.redisUrl,
        AUDIT_DIGEST_KEY: hex('audit-digest-key'),
        MCP_SESSION_KEY: hex('mcp-session-key'),
        MCP_PORT: String(COPY_PORT),
        UPSTREAM_PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
        UPSTREAM_TIMEOUT_MS: '10000',
        LOG_LEVEL: 'error',
      },
      cwd: folder,
      ipc: true,
    }),
    ready: saysReady,
    progress,
  })
}
