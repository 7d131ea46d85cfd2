// The servers that are compared with themselves behind the gateway: our own of both eras, and those of others.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import type { Era } from '@mcpshield/mcp/messages'
import { PNG_BASE64 } from '../mcp/fixture/content-tools.ts'
import { startFixture } from '../mcp/fixture-server.ts'
import type { Manners } from './transparency-traffic.ts'
import type { Command } from './tape.ts'

export type ServerUnderTest = {
  name: string
  /** Of its upstream; short. */
  slug: string
  eras: Era[]
  manners: Manners
  /** What clients tell of when they are asked for roots. */
  roots?: string[]
  /** A new one, in the state in which every one begins. */
  start(era: Era): Promise<RunningServer>
}

export type RunningServer = AsyncDisposable & { place: { url: string } | Command }

const FIXTURE: Manners = {
  args: {
    change_tool_definition: [
      { action: 'add', name: 'new_tool' },
      { action: 'remove', name: 'new_tool' },
    ],
    big_result: { letters: 1_000 },
    slow: { ms: 50, label: 'in time' },
    slow_compute: { seconds: 0.1 },
    json_schema_2020_12_tool: { contactMethod: 'email', email: 'ada@example.com' },
    send_notification: { method: 'notifications/fixture', params: { said: 'hello' } },
    ask_outside_call: [
      { method: 'roots/list', params: {} },
      {
        method: 'elicitation/create',
        params: { message: 'Who?', requestedSchema: { type: 'object', properties: {} } },
      },
    ],
    protocol_error: [{}, { code: -32_000, message: 'Odd', data: { kept: [1] } }],
  },
  legacyOnly: ['ask_outside_call', 'elicit_url_then_complete', 'url_elicitation_required'],
  later: ['ask_outside_call'],
  logging: ['test_logging_tool', 'test_tool_with_logging'],
  watched: { uri: 'test://watched-resource', by: { name: 'touch_resource', arguments: {} } },
  slow: { name: 'slow', arguments: { ms: 30_000, label: 'to-be-cancelled' } },
  cancelled: { name: 'recorded_cancellations', arguments: {} },
  task: { name: 'slow_compute', arguments: { seconds: 0.1 } },
  methods: [{ method: 'fixture/echo', params: { said: 'hello', nested: [1, null] } }],
}

const EVERYTHING: Manners = {
  args: {
    echo: { message: 'hello' },
    'get-sum': { a: 1, b: 2 },
    'trigger-long-running-operation': { duration: 0.2, steps: 2 },
    'gzip-file-as-resource': {
      name: 'hello.gz',
      data: 'data:text/plain;base64,aGVsbG8=',
      outputType: 'resource',
    },
    'get-structured-content': [{ location: 'New York' }, { location: 'Chicago' }],
    'toggle-simulated-logging': [{}, {}],
    'toggle-subscriber-updates': [{}, {}],
  },
  byShape: ['get-env', 'toggle-simulated-logging', 'dynamic/blob'],
  onlyAsTask: ['simulate-research-query'],
  speaksAfterMs: 600,
  watched: {
    uri: 'demo://resource/dynamic/text/1',
    by: { name: 'toggle-subscriber-updates', arguments: {} },
  },
  slow: { name: 'trigger-long-running-operation', arguments: { duration: 3, steps: 30 } },
  task: { name: 'simulate-research-query', arguments: { topic: 'gateways' } },
}

const FOLDER = join(tmpdir(), `mcpshield-files-${process.pid}`)
const inFolder = (name: string) => join(FOLDER, name)
const FILES: Manners = {
  args: {
    read_file: { path: inFolder('a.txt') },
    read_text_file: [
      { path: inFolder('a.txt'), head: 1 },
      { path: '/etc/passwd' },
      { path: inFolder('none') },
    ],
    read_media_file: { path: inFolder('inner/pixel.png') },
    read_multiple_files: { paths: [inFolder('a.txt'), inFolder('b.txt'), inFolder('none')] },
    write_file: { path: inFolder('c.txt'), content: 'written' },
    edit_file: { path: inFolder('a.txt'), edits: [{ oldText: 'second', newText: '2nd' }] },
    create_directory: { path: inFolder('new') },
    list_directory: { path: FOLDER },
    list_directory_with_sizes: { path: FOLDER },
    directory_tree: { path: FOLDER },
    move_file: { source: inFolder('c.txt'), destination: inFolder('new/c.txt') },
    search_files: { path: FOLDER, pattern: '**/*.txt' },
    get_file_info: { path: inFolder('b.txt') },
  },
  speaksAfterMs: 200,
}

const entity = (name: string) => ({ name, entityType: 'person', observations: ['wrote a program'] })
const MEMORY: Manners = {
  args: {
    create_entities: { entities: [entity('Ada'), entity('Grace')] },
    create_relations: { relations: [{ from: 'Ada', to: 'Grace', relationType: 'knows' }] },
    add_observations: { observations: [{ entityName: 'Ada', contents: ['wrote notes'] }] },
    delete_observations: { deletions: [{ entityName: 'Ada', observations: ['wrote notes'] }] },
    open_nodes: { names: ['Ada'] },
    search_nodes: { query: 'program' },
  },
}

const DATABASE: Manners = {
  args: {
    execute_sql: [
      { sql: 'select first_name from employee order by emp_no limit 3' },
      { sql: 'select * from no_such_table' },
    ],
    search_objects: { object_type: 'table' },
  },
}

const program = (name: string) =>
  join(import.meta.dirname, `../../node_modules/@modelcontextprotocol/${name}/dist/index.js`)
const DBHUB = join(import.meta.dirname, '../../node_modules/@bytebase/dbhub/dist/index.js')
const nothing = async () => undefined
const aProcess = (command: Command): RunningServer => ({ place: command, [Symbol.asyncDispose]: nothing })
const FIXTURE_STDIO = join(import.meta.dirname, '../mcp/fixture-stdio.ts')

export const SERVERS: ServerUnderTest[] = [
  {
    name: 'the fixture over HTTP',
    slug: 'fx',
    eras: ['legacy', 'modern'],
    manners: FIXTURE,
    async start() {
      const fixture = await startFixture()
      return { place: { url: fixture.url }, [Symbol.asyncDispose]: () => fixture[Symbol.asyncDispose]() }
    },
  },
  {
    name: 'the fixture over stdio',
    slug: 'fxs',
    eras: ['legacy', 'modern'],
    manners: FIXTURE,
    start: async () => aProcess({ command: process.execPath, args: [FIXTURE_STDIO] }),
  },
  {
    name: 'server-everything over stdio',
    slug: 'ev',
    eras: ['legacy'],
    manners: EVERYTHING,
    start: async () => aProcess({ command: process.execPath, args: [program('server-everything'), 'stdio'] }),
  },
  {
    name: 'server-everything over HTTP',
    slug: 'evh',
    eras: ['legacy'],
    manners: EVERYTHING,
    start: startEverything,
  },
  {
    name: 'server-filesystem',
    slug: 'fs',
    eras: ['legacy'],
    manners: FILES,
    roots: [pathToFileURL(FOLDER).href],
    start: async () => {
      layOutFolder()
      return {
        ...aProcess({ command: process.execPath, args: [program('server-filesystem'), FOLDER] }),
        [Symbol.asyncDispose]: async () => rmSync(FOLDER, { recursive: true, force: true }),
      }
    },
  },
  {
    name: 'server-memory',
    slug: 'mem',
    eras: ['legacy'],
    manners: MEMORY,
    async start() {
      const folder = mkdtempSync(join(tmpdir(), 'mcpshield-memory-'))
      const env = { MEMORY_FILE_PATH: join(folder, 'memory.json') }
      return {
        ...aProcess({ command: process.execPath, args: [program('server-memory')], env }),
        [Symbol.asyncDispose]: async () => rmSync(folder, { recursive: true, force: true }),
      }
    },
  },
  {
    name: 'dbhub on SQLite',
    slug: 'db',
    eras: ['legacy', 'modern'],
    manners: DATABASE,
    start: async () =>
      aProcess({ command: process.execPath, args: [DBHUB, '--demo', '--transport', 'stdio'] }),
  },
]

/** Its own ports are taken where it is told; it says when it listens. */
async function startEverything(): Promise<RunningServer> {
  const port = await freePort()
  const child = spawn(process.execPath, [program('server-everything'), 'streamableHttp'], {
    env: { PATH: process.env['PATH'] ?? '', PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = once(child, 'exit')
  const lines = createInterface({ input: child.stderr })
  await new Promise<void>((resolve) =>
    lines.on('line', (line) => void (line.includes('listening') && resolve())),
  )
  return {
    place: { url: `http://127.0.0.1:${port}/mcp` },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function layOutFolder(): void {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(join(FOLDER, 'inner'), { recursive: true })
  writeFileSync(join(FOLDER, 'a.txt'), 'first line\nsecond line\nthird line\n')
  writeFileSync(join(FOLDER, 'b.txt'), 'another file\n')
  writeFileSync(join(FOLDER, 'inner', 'pixel.png'), Buffer.from(PNG_BASE64, 'base64'))
}
