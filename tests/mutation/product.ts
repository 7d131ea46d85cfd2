// A whole product whose MCP gateway runs from a copy that can be changed, and so does the decision point in it.
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { openDataDir, type DataDir } from '@mcpshield/infra/dev/data-dir.ts'
import { saysReady, supervise } from '@mcpshield/infra/dev/process.ts'
import { startStack, type Stack } from '@mcpshield/infra/dev/stack.ts'
import type { Place } from '../e2e/mcp-world.ts'

const ROOT = join(import.meta.dirname, '../..')
const GATEWAY = 'services/mcp-gateway'
const PDP = 'libs/pdp'
const FIRST_PORT = 22_400
const COPY_PORT = FIRST_PORT + 5

export type ChangeableProduct = AsyncDisposable & {
  /** Where tests find it: its MCP endpoint is the copy's. */
  place: Place
  /** The root of the copy. */
  folder: string
  /** Runs something with one text of the gateway's sources (`pdp/…`: the decision point's) in the place of another. */
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
      const path = join(folder, sourceOf(file))
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

function sourceOf(file: string): string {
  return file.startsWith('pdp/') ? join(PDP, 'src', file.slice('pdp/'.length)) : join(GATEWAY, 'src', file)
}

/** The gateway and its decision point: what they import of other packages is found where it always is. */
function copyGateway(folder: string): void {
  copyParts(folder, GATEWAY, ['src', 'test', 'package.json'])
  copyParts(folder, PDP, ['src', 'package.json'])
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  const modules = join(folder, GATEWAY, 'node_modules')
  mkdirSync(join(modules, '@mcpshield'), { recursive: true })
  symlinkSync(join(folder, PDP), join(modules, '@mcpshield/pdp'))
  for (const name of readdirSync(join(ROOT, GATEWAY, 'node_modules')))
    if (!/^[@.]/.test(name)) symlinkSync(join(ROOT, GATEWAY, 'node_modules', name), join(modules, name))
  writeFileSync(
    join(folder, 'vitest.config.mjs'),
    "export default { test: { include: ['services/mcp-gateway/test/*.test.ts'] } }\n",
  )
}

function copyParts(folder: string, of: string, parts: string[]): void {
  mkdirSync(join(folder, of), { recursive: true })
  for (const part of parts) cpSync(join(ROOT, of, part), join(folder, of, part), { recursive: true })
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
