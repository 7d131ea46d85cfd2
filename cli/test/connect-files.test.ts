// What `connect` does to files that are not as an example has them: however they are written, they come back byte by byte.
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { endpointIn, type Format, type McpClient } from '../src/clients/client.ts'
import { CLIENTS } from '../src/clients/clients.ts'
import { contentOf, entryAt } from '../src/clients/config-text.ts'
import { startGateway, type GatewayServer } from './gateway-server.ts'
import { ran } from './in-process.ts'
import { install, machineOf, SETTINGS, type FixtureMachine } from './machines.ts'

const KEY = 'mcps_given'
/** One client for each format. */
const BY_FORMAT = { json: 'cursor', yaml: 'goose', toml: 'codex-cli' } as const
const named = (id: string) => CLIENTS.find((each) => each.id === id) as McpClient
const clientOf = (format: Format) => named(BY_FORMAT[format])

let gateway: GatewayServer
beforeAll(async () => {
  gateway = await startGateway(KEY)
})
afterAll(() => gateway[Symbol.asyncDispose]())

const connect = (machine: FixtureMachine, ...args: string[]) =>
  ran(['connect', '--mcp', gateway.url, '--yes', '--json', ...args], {
    machine,
    env: { MCPSHIELD_API_KEY: KEY, XDG_STATE_HOME: join(machine.home, 'state') },
  })
const undo = (machine: FixtureMachine) =>
  ran(['connect', '--undo', '--json'], { machine, env: { XDG_STATE_HOME: join(machine.home, 'state') } })

function entryOf(client: McpClient, file: string): unknown {
  const content = contentOf(client.format, readFileSync(file, 'utf8'))
  return entryAt(content, [...client.servers(content), 'mcpshield'])
}

type Written = { name: string; of(text: string): string }
const WAYS: Written[] = [
  { name: 'as it is', of: (text) => text },
  { name: 'with CR LF', of: (text) => text.replaceAll('\n', '\r\n') },
  { name: 'with a byte order mark', of: (text) => `\ufeff${text}` },
  { name: 'without a last line end', of: (text) => text.trimEnd() },
  {
    name: 'with CR LF, a mark and no last line end',
    of: (text) => `\ufeff${text.trimEnd().replaceAll('\n', '\r\n')}`,
  },
  { name: 'with empty lines around it', of: (text) => `\n\n${text}\n\n\n` },
  { name: 'empty', of: () => '' },
  { name: 'of nothing but line ends', of: () => '\n\n' },
]
const OF_JSON: Written[] = [
  { name: 'with tabs', of: (text) => text.replaceAll('  ', '\t') },
  { name: 'of a comment without a line end', of: () => '// nothing yet' },
  { name: 'on one line', of: () => '{"mcpServers":{"other":{"command":"npx"}},"unknown":{"a":[1,2]}}' },
  { name: 'with trailing commas', of: () => '{\n  "mcpServers": {\n    "other": {},\n  },\n}\n' },
  {
    name: 'with an entry of another case beside it',
    of: () => '{"mcpServers":{"MCPShield":{"command":"x"}}}',
  },
  {
    name: 'with numbers and escapes as somebody wrote them',
    of: () => '{ "n": 1.0e2, "u": "\\u00e4\\/" }\n',
  },
]
const CASES = (['json', 'yaml', 'toml'] as const).flatMap((format) =>
  [...WAYS, ...(format === 'json' ? OF_JSON : [])].map((way) => [format, way.name, way] as const),
)

test.for(CASES)(
  'a %s file %s gets the entry, nothing the second time, and comes back byte by byte',
  async ([format, , way]) => {
    using machine = machineOf('linux')
    const client = clientOf(format)
    const { file } = install(client, machine)
    const text = way.of(SETTINGS[format](client))
    writeFileSync(file, text)
    chmodSync(file, 0o640)
    expect(await connect(machine), text).toMatchObject({ code: 0, lines: [{ change: 'added' }] })
    expect(endpointIn(entryOf(client, file))).toEqual({ url: gateway.url, key: KEY })
    const after = readFileSync(file, 'utf8')
    if (text.includes('\r\n')) expect(after.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
    expect(after.startsWith('\ufeff')).toBe(text.startsWith('\ufeff'))
    expect(await connect(machine)).toMatchObject({ code: 0, lines: [{ change: 'none' }] })
    expect(readFileSync(file, 'utf8')).toBe(after)
    expect(await undo(machine)).toMatchObject({ code: 0, lines: [{ change: 'restored' }] })
    expect(readFileSync(file, 'utf8')).toBe(text)
    expect(statSync(file).mode & 0o777).toBe(0o640)
  },
)

const WITH_LIST = CASES.filter(([, , { of }]) => /other/.test(of('other')))

test.for(WITH_LIST)(
  'of a %s file %s that others changed since, undo leaves what they wrote and nothing of ours',
  async ([format, , way]) => {
    using machine = machineOf('linux')
    const client = clientOf(format)
    const { file } = install(client, machine)
    const text = way.of(SETTINGS[format](client))
    writeFileSync(file, text)
    await connect(machine)
    const end = text.includes('\r\n') ? '\r\n' : '\n'
    const theirs = `${end}${format === 'json' ? '//' : '#'} of others${end}`
    writeFileSync(file, readFileSync(file, 'utf8') + theirs)
    expect(await undo(machine)).toMatchObject({ code: 0, lines: [{ change: 'removed' }] })
    const left = readFileSync(file, 'utf8')
    expect(left).not.toContain('mcpshield')
    expect(contentOf(format, left)).toEqual(contentOf(format, text))
    const lines = (of: string) => of.split(end).filter((line) => line !== '')
    expect(lines(left)).toEqual(lines(text + theirs))
  },
)

test.for([
  ['json', '{"mcpServers":{"mcpshield":{"a":1},"mcpshield":{"b":2}}}', /written in a way/],
  ['json', '{"mcpServers":{"other":{}', /not valid JSON/],
  ['json', '\u0000', /not valid JSON/],
  ['yaml', 'extensions:\n  mcpshield: {}\n  mcpshield: {}\n', /not valid YAML/],
  ['yaml', 'a: 1\n---\nb: 2\n', /not valid YAML/],
  ['toml', '[mcp_servers]\nmcpshield = { url = "x" }\n', /written in a way/],
  ['toml', '[mcp_servers.mcpshield]\n[mcp_servers.mcpshield]\n', /not valid TOML/],
] as const)(
  'a %s file of %j is left as it is, and what is the matter is said',
  async ([format, text, why]) => {
    using machine = machineOf('linux')
    const { file } = install(clientOf(format), machine)
    writeFileSync(file, text)
    expect(await connect(machine)).toMatchObject({
      code: 1,
      lines: [{ change: 'failed', problem: expect.stringMatching(why) as string }],
    })
    expect(readFileSync(file, 'utf8')).toBe(text)
    expect(existsSync(join(machine.home, 'state'))).toBe(false)
  },
)

test('a file of bytes that are no text is left as it is', async () => {
  using machine = machineOf('linux')
  const { file } = install(named('cursor'), machine)
  const bytes = Buffer.from([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00])
  writeFileSync(file, bytes)
  expect(await connect(machine)).toMatchObject({ code: 1 })
  expect(readFileSync(file)).toEqual(bytes)
})

describe('a file that is not its client’s alone', () => {
  test('is not written when it is read-only, whoever asks, and no key is made for it', async () => {
    using machine = machineOf('linux')
    const { file, text } = install(named('cursor'), machine)
    chmodSync(file, 0o444)
    expect(await connect(machine)).toMatchObject({
      code: 1,
      lines: [{ change: 'failed', problem: expect.stringContaining('read-only') as string }],
    })
    expect(readFileSync(file, 'utf8')).toBe(text)
    // What was connected before it was closed is not undone behind its back either.
    chmodSync(file, 0o644)
    await connect(machine)
    chmodSync(file, 0o444)
    expect(await undo(machine)).toMatchObject({ code: 1, lines: [{ change: 'failed' }] })
    chmodSync(file, 0o644)
    expect(await undo(machine)).toMatchObject({ code: 0, lines: [{ change: 'restored' }] })
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  test('is written through a link that leads to nothing yet, and the link stays', async () => {
    using machine = machineOf('linux')
    const { file } = install(named('cursor'), machine)
    rmSync(file)
    const dotfile = join(machine.home, 'dotfiles/mcp.json')
    symlinkSync('../dotfiles/mcp.json', file)
    expect(await connect(machine)).toMatchObject({ code: 0, lines: [{ change: 'added' }] })
    expect(lstatSync(file).isSymbolicLink()).toBe(true)
    expect(entryOf(named('cursor'), dotfile)).toBeDefined()
    expect(await undo(machine)).toMatchObject({ code: 0 })
    expect({ link: lstatSync(file).isSymbolicLink(), file: existsSync(dotfile) }).toEqual({
      link: true,
      file: false,
    })
  })

  test('is named when its links lead nowhere', async () => {
    using machine = machineOf('linux')
    const { file } = install(named('cursor'), machine)
    rmSync(file)
    symlinkSync('mcp.json', file)
    expect(await connect(machine)).toMatchObject({ code: 1, lines: [{ change: 'failed' }] })
  })

  test.runIf(process.getuid?.() === 0)('stays its owner’s when an administrator runs it', async () => {
    using machine = machineOf('linux')
    const { file } = install(named('cursor'), machine)
    chownSync(file, 12_345, 12_346)
    await connect(machine)
    expect(statSync(file)).toMatchObject({ uid: 12_345, gid: 12_346 })
    await undo(machine)
    expect(statSync(file)).toMatchObject({ uid: 12_345, gid: 12_346 })
  })
})

describe('a home in which the client is not', () => {
  test('is left as it was when a client is named and undone', async () => {
    using machine = machineOf('linux')
    const ids = CLIENTS.map(({ id }) => id)
    expect(await connect(machine, ...ids)).toMatchObject({ code: 0 })
    const [file = ''] = named('kiro').files(machine)
    expect(existsSync(file)).toBe(true)
    expect(await undo(machine)).toMatchObject({ code: 0 })
    const left = CLIENTS.flatMap((client) => client.signs(machine)).filter((path) => existsSync(path))
    expect(left).toEqual([])
  })

  test('keeps what others put into the folder meanwhile', async () => {
    using machine = machineOf('linux')
    await connect(machine, 'kiro')
    const [file = ''] = named('kiro').files(machine)
    writeFileSync(join(dirname(file), 'other.json'), '{}')
    await undo(machine)
    expect({ file: existsSync(file), other: existsSync(join(dirname(file), 'other.json')) }).toEqual({
      file: false,
      other: true,
    })
  })
})

test('a gateway that moved to another port keeps the key of each client, and another host is not shown it', async () => {
  await using moved = await startGateway(KEY)
  await using elsewhere = await startGateway()
  using machine = machineOf('linux')
  const { file } = install(named('cursor'), machine)
  await connect(machine)
  const again = (url: string) =>
    ran(['connect', '--mcp', url, '--yes', '--json'], {
      machine,
      env: { XDG_STATE_HOME: join(machine.home, 'state'), XDG_CONFIG_HOME: join(machine.home, 'config') },
    })
  expect(await again(moved.url)).toMatchObject({ code: 0, lines: [{ change: 'replaced' }] })
  expect(endpointIn(entryOf(named('cursor'), file))).toEqual({ url: moved.url, key: KEY })
  // Here it takes a login to make another, and there is none.
  expect(await again(elsewhere.url.replace('127.0.0.1', 'localhost'))).toMatchObject({ code: 2 })
  expect(elsewhere.asked).toEqual([])
  expect(endpointIn(entryOf(named('cursor'), file))).toEqual({ url: moved.url, key: KEY })
})

test('a folder in the place of the file is named, and left', async () => {
  using machine = machineOf('linux')
  const { file } = install(named('cursor'), machine)
  rmSync(file)
  mkdirSync(file)
  expect(await connect(machine)).toMatchObject({ code: 1, lines: [{ change: 'failed' }] })
  expect(statSync(file).isDirectory()).toBe(true)
})
