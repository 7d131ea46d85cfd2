// The whole product with its dashboard, one for all browser tests; or the one that WEB_WORLD names (a file with
// `{"web","api","mcp","mail","model"}`), for who works on pages.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { openDataDir } from '@mcpshield/infra/dev/data-dir.ts'
import { startStack } from '@mcpshield/infra/dev/stack.ts'

export type World = {
  web: string
  api: string
  mcp: string
  mail: string
  /** Where the assistant looks for a model: nobody is there until a test is. */
  model: string
}

declare module 'vitest' {
  interface ProvidedContext {
    world: World
  }
}

const FIRST_PORT = 22_300
const MODEL_URL = `http://127.0.0.1:${FIRST_PORT + 5}`

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['WEB_WORLD']
  if (given !== undefined) {
    project.provide('world', JSON.parse(readFileSync(given, 'utf8')) as World)
    return async () => undefined
  }
  const stack = new AsyncDisposableStack()
  try {
    project.provide('world', await start(stack))
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
  return () => stack.disposeAsync()
}

async function start(stack: AsyncDisposableStack): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'mcpshield-web-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const dataDir = stack.use(openDataDir(folder))
  const env = {
    ...process.env,
    API_PORT: String(FIRST_PORT),
    MCP_PORT: String(FIRST_PORT + 1),
    DECISION_PORT: String(FIRST_PORT + 2),
    MAIL_PORT: String(FIRST_PORT + 3),
    WEB_PORT: String(FIRST_PORT + 4),
    // All people of the tests come from one address.
    LOGIN_RATE_LIMIT_ATTEMPTS: '1000',
    // Each browser of the tests says an address of its own: the API counts by address.
    TRUST_PROXY: 'loopback',
    LOG_LEVEL: 'warn',
    OLLAMA_URL: MODEL_URL,
  }
  const programsDir = join(import.meta.dirname, '../../node_modules/.cache/mcpshield')
  const { web, api, mcp, mail } = stack.use(
    await startStack({ dataDir, programsDir, env, withWeb: true, progress: () => undefined }),
  )
  if (web === undefined || mail === undefined)
    throw new Error('The tests need the local mailbox: unset SMTP_URL.')
  // Of the gateway; agents add the path of what they reach.
  return { web, api, mcp: new URL(mcp).origin, mail, model: MODEL_URL }
}
