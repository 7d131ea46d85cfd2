// The definitions of public servers as they are today, asked of the servers themselves: none of them is warned of.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, expect, test } from 'vitest'
import { toolWarnings } from '../src/tool-warnings.ts'

const modules = join(import.meta.dirname, '../../../node_modules')
const folder = mkdtempSync(join(tmpdir(), 'mcpshield-servers-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const servers: Record<string, string[]> = {
  everything: [join(modules, '@modelcontextprotocol/server-everything/dist/index.js')],
  filesystem: [join(modules, '@modelcontextprotocol/server-filesystem/dist/index.js'), folder],
  memory: [join(modules, '@modelcontextprotocol/server-memory/dist/index.js')],
  dbhub: [
    join(modules, '@bytebase/dbhub/dist/index.js'),
    '--transport',
    'stdio',
    '--dsn',
    'sqlite:///:memory:',
  ],
}

test('no tool of the public servers is warned of, though they stand beside each other in one project', async () => {
  const offered = await Promise.all(
    Object.entries(servers).map(async ([upstream, args]) =>
      (await toolsOf(args)).map((definition) => ({ upstream, name: definition.name, definition })),
    ),
  )
  const tools = offered.flat()
  expect(offered.map(({ length }) => length > 1)).toEqual([true, true, true, true])
  const warned = tools.map(({ definition, ...tool }) => ({
    ...tool,
    warnings: toolWarnings(definition, tool, tools),
  }))
  expect(warned.filter(({ warnings }) => warnings.length > 0)).toEqual([])
}, 60_000)

type Tool = { name: string }
type Message = { id?: number; result?: { tools?: Tool[] } }

/** What a server lists, over stdio. */
async function toolsOf(args: string[]): Promise<Tool[]> {
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: folder },
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  try {
    const send = (message: object) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
    const clientInfo = { name: 'test', version: '1' }
    send({
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo },
    })
    for await (const line of createInterface({ input: child.stdout })) {
      const message = JSON.parse(line) as Message
      if (message.id === 1) {
        send({ method: 'notifications/initialized' })
        send({ id: 2, method: 'tools/list' })
      }
      if (message.id === 2) return message.result?.tools ?? []
    }
    throw new Error(`${args[0]} ended before it listed its tools`)
  } finally {
    child.kill()
  }
}
