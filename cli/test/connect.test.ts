import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { endpointIn, type McpClient } from '../src/clients/client.ts'
import { CLIENTS } from '../src/clients/clients.ts'
import { contentOf, entryAt } from '../src/clients/config-text.ts'
import { askYes } from '../src/terminal.ts'
import type { World } from '../src/world.ts'
import { startGateway, type GatewayServer } from './gateway-server.ts'
import { ran } from './in-process.ts'
import { install, machineOf, PLATFORMS, type FixtureMachine } from './machines.ts'
import { startRestServer, type RestServer } from './rest-server.ts'

const KEY = 'mcps_given'
const named = (id: string) => CLIENTS.find((each) => each.id === id) as McpClient

/** `connect` as the user of the machine runs it, with a key of theirs. */
const connect = (machine: FixtureMachine, gateway: { url: string }, args: string[] = ['--yes'], env = {}) =>
  ran(['connect', '--mcp', gateway.url, ...args], {
    machine,
    env: { MCPSHIELD_API_KEY: KEY, XDG_STATE_HOME: join(machine.home, 'state'), ...env },
  })

const undo = (machine: FixtureMachine, ...args: string[]) =>
  ran(['connect', '--undo', ...args], { machine, env: { XDG_STATE_HOME: join(machine.home, 'state') } })

function entryOf(client: McpClient, file: string): unknown {
  const content = contentOf(client.format, readFileSync(file, 'utf8'))
  return entryAt(content, [...client.servers(content), 'mcpshield'])
}

describe.for(PLATFORMS)('on %s, connect', (platform) => {
  test('leads every client through the gateway, changes nothing the second time, and undoes it byte by byte', async () => {
    await using gateway = await startGateway(KEY)
    using machine = machineOf(platform)
    const before = CLIENTS.map((client) => ({ client, ...install(client, machine) }))

    expect(await connect(machine, gateway)).toMatchObject({ code: 0, stderr: '' })
    const after = before.map(({ file }) => readFileSync(file, 'utf8'))
    for (const { client, file, text } of before) {
      expect(endpointIn(entryOf(client, file)), client.id).toEqual({ url: gateway.url, key: KEY })
      const now = readFileSync(file, 'utf8')
      // The line before has a comma now.
      const lines = now.replaceAll('},', '}').split('\n')
      for (const line of text.split('\n')) expect(lines, client.id).toContain(line.replaceAll('},', '}'))
      expect(statSync(file).mode & 0o777).toBe(0o640)
    }

    const again = await connect(machine, gateway, ['--json'])
    expect(again.code).toBe(0)
    expect(again.lines).toEqual(
      before.map(({ client, file }) => ({ client: client.id, file, change: 'none' })),
    )
    expect(before.map(({ file }) => readFileSync(file, 'utf8'))).toEqual(after)

    expect(await undo(machine)).toMatchObject({ code: 0, stderr: '' })
    for (const { file, text, client } of before) expect(readFileSync(file, 'utf8'), client.id).toBe(text)
    expect(await undo(machine)).toMatchObject({ code: 1 })
  })

  test('makes the files of clients that have none, for their owner alone, and takes them away again', async () => {
    await using gateway = await startGateway(KEY)
    using machine = machineOf(platform)
    const files = CLIENTS.map((client) => {
      const { file } = install(client, machine)
      rmSync(file)
      return file
    })
    const ids = CLIENTS.map(({ id }) => id)
    expect(await connect(machine, gateway, [...ids, '--yes'])).toMatchObject({ code: 0 })
    for (const file of files) expect(statSync(file).mode & 0o777, file).toBe(0o600)
    expect(await undo(machine)).toMatchObject({ code: 0 })
    expect(files.filter((file) => existsSync(file))).toEqual([])
  })
})

describe('connect', () => {
  test('shows what it would change, without a key, and changes nothing with --dry-run or without a yes', async () => {
    await using gateway = await startGateway(KEY)
    using machine = machineOf('linux')
    const { file, text } = install(named('cursor'), machine)
    const shown = await connect(machine, gateway, ['--dry-run'])
    expect(shown.code).toBe(0)
    expect(shown.stdout).toContain(`Cursor  ${file}\n  + mcpServers.mcpshield.url: "${gateway.url}"\n`)
    expect(shown.stdout).not.toContain(KEY)
    expect(await connect(machine, gateway, [])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--yes'),
    })
    expect(readFileSync(file, 'utf8')).toBe(text)
    expect(existsSync(join(machine.home, 'state'))).toBe(false)
  })

  test('replaces an entry of the name, shows none of its secrets, and puts it back', async () => {
    await using gateway = await startGateway(KEY)
    using machine = machineOf('linux')
    const { file } = install(named('cursor'), machine)
    const old = JSON.stringify({ mcpServers: { mcpshield: { command: 'npx', env: { TOKEN: 's3cret' } } } })
    writeFileSync(file, old)
    const { stdout } = await connect(machine, gateway)
    expect(stdout).toContain('- mcpServers.mcpshield.command: "npx"')
    expect(stdout).not.toMatch(/s3cret|mcps_given/)
    expect(entryOf(named('cursor'), file)).toEqual({ url: gateway.url, headers: { 'X-API-Key': KEY } })
    await undo(machine)
    expect(readFileSync(file, 'utf8')).toBe(old)
  })

  test('of a file that others changed since, undo takes back the entry alone', async () => {
    await using gateway = await startGateway(KEY)
    using machine = machineOf('linux')
    const { file, text } = install(named('cursor'), machine)
    await connect(machine, gateway)
    writeFileSync(file, readFileSync(file, 'utf8').replace('"a": [1, 2]', '"a": [1, 2, 3]'))
    // A second change of ours does not make what others did ours.
    gateway.keys.add('mcps_other')
    expect(await connect(machine, gateway, ['--yes'], { MCPSHIELD_API_KEY: 'mcps_other' })).toMatchObject({
      code: 0,
    })
    const undone = await undo(machine, 'cursor', '--json')
    expect(undone).toMatchObject({ code: 0, lines: [{ client: 'cursor', change: 'removed' }] })
    expect(readFileSync(file, 'utf8')).toBe(text.replace('"a": [1, 2]', '"a": [1, 2, 3]'))
  })

  test('keeps the bytes of every file as they were, whatever they are', async () => {
    await using gateway = await startGateway(KEY)
    using machine = machineOf('linux')
    const { file } = install(named('cursor'), machine)
    const bytes = Buffer.from('\ufeff{\r\n\t"mcpServers": {}\r\n}')
    writeFileSync(file, bytes)
    await connect(machine, gateway)
    const folder = join(machine.home, 'state/mcpshield/connect/cursor')
    const backups = readdirSync(folder).filter((name) => name.endsWith('.backup'))
    expect(backups.map((name) => readFileSync(join(folder, name)))).toEqual([bytes])
    expect([folder, join(folder, backups[0] ?? '')].map((path) => statSync(path).mode & 0o777)).toEqual([
      0o700, 0o600,
    ])
  })

  test('writes what a link leads to, and leaves the link', async () => {
    await using gateway = await startGateway(KEY)
    using machine = machineOf('linux')
    const { file, text } = install(named('cursor'), machine)
    const dotfile = join(machine.home, 'dotfiles/mcp.json')
    mkdirSync(dirname(dotfile))
    writeFileSync(dotfile, text)
    rmSync(file)
    symlinkSync(dotfile, file)
    await connect(machine, gateway)
    expect(entryOf(named('cursor'), dotfile)).toBeDefined()
    await undo(machine)
    expect(readFileSync(dotfile, 'utf8')).toBe(text)
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  test('leaves a file alone that it cannot read or change, connects the others, and ends with 1', async () => {
    await using gateway = await startGateway(KEY)
    using machine = machineOf('linux')
    const broken = install(named('cursor'), machine)
    writeFileSync(broken.file, '{"mcpServers": ')
    const good = install(named('zed'), machine)
    const { code, stdout } = await connect(machine, gateway)
    expect(code).toBe(1)
    expect(stdout).toContain('cannot be changed: it is not valid JSON')
    expect(readFileSync(broken.file, 'utf8')).toBe('{"mcpServers": ')
    expect(entryOf(named('zed'), good.file)).toBeDefined()
  })

  test('warns where others can read the key', async () => {
    await using gateway = await startGateway(KEY)
    using machine = machineOf('linux')
    install(named('cursor'), machine)
    expect((await connect(machine, gateway)).stdout).toContain('others on this machine can read the file')
    using own = machineOf('linux')
    mkdirSync(join(own.home, '.cursor'))
    expect((await connect(own, gateway)).stdout).not.toContain('others')
  })

  test('takes no key that the gateway refuses, and no server that is none', async () => {
    await using gateway = await startGateway()
    await using rest = await startRestServer()
    using machine = machineOf('linux')
    const { file, text } = install(named('cursor'), machine)
    expect(await connect(machine, gateway)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('does not take the key'),
    })
    expect(await connect(machine, { url: `${rest.url}/mcp` })).toMatchObject({ code: 3 })
    expect(await connect(machine, { url: 'file:///mcp' })).toMatchObject({ code: 2 })
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  test('names the clients it knows where none is here, or another is asked for', async () => {
    await using gateway = await startGateway(KEY)
    using machine = machineOf('linux')
    expect(await connect(machine, gateway)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('opencode'),
    })
    expect(await connect(machine, gateway, ['notepad'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('opencode'),
    })
  })
})

test.for<[string, boolean]>([
  ['y\r', true],
  ['Yes\r', true],
  ['\r', false],
  ['no\r', false],
  ['\u0003', false],
])('on a terminal, %j is the answer %s', async ([typed, wanted]) => {
  const [stdin, stderr] = [Object.assign(new PassThrough(), { isTTY: true }), new PassThrough()]
  const asked = askYes({ stdin, stderr } as unknown as World, 'Change these files? [y/N] ')
  stdin.write(typed)
  expect(await asked).toBe(wanted)
})

describe('connect without a key', () => {
  const PROJECT = '0194b2f0-0000-7000-8000-0000000000aa'
  const keys = `/projects/${PROJECT}/keys`

  /** A server that makes keys, which the gateway then takes. */
  async function making(gateway: GatewayServer): Promise<RestServer & { revoked: string[] }> {
    const rest = Object.assign(await startRestServer(), { revoked: [] as string[] })
    let made = 0
    rest.otherwise = ({ method, path, body }) => {
      if (`${method} ${path}` === 'GET /projects?limit=200')
        return { status: 200, body: { items: [{ id: PROJECT, name: 'Shop' }], next_cursor: null } }
      if (`${method} ${path}` === `POST ${keys}`) {
        made += 1
        gateway.keys.add(`mcps_made${made}`)
        const { name } = body as { name: string }
        return { status: 201, body: { id: `k${made}`, name, api_key: `mcps_made${made}` } }
      }
      if (method !== 'DELETE') return undefined
      rest.revoked.push(path)
      return { status: 204 }
    }
    return rest
  }

  const account = (rest: RestServer) => ({
    MCPSHIELD_API_KEY: '',
    MCPSHIELD_API: rest.url,
    MCPSHIELD_TOKEN: rest.token(),
  })

  test('makes one for each client, none the second time, and revokes them with undo', async () => {
    await using gateway = await startGateway()
    await using rest = await making(gateway)
    using machine = machineOf('linux')
    const cursor = install(named('cursor'), machine)
    const codex = install(named('codex-cli'), machine)
    const env = account(rest)
    expect(await connect(machine, gateway, ['--yes'], env)).toMatchObject({ code: 0 })
    const posts = () =>
      rest.asked.filter(({ method }) => method === 'POST').map(({ body }) => (body as { name: string }).name)
    expect(posts()).toEqual([expect.stringMatching(/^Codex CLI on /), expect.stringMatching(/^Cursor on /)])
    expect(endpointIn(entryOf(named('cursor'), cursor.file)).key).toBe('mcps_made2')
    expect(await connect(machine, gateway, ['--yes'], env)).toMatchObject({ code: 0 })
    expect(posts()).toHaveLength(2)

    // A key that was revoked since is made anew, for that client alone.
    gateway.keys.delete('mcps_made2')
    expect(await connect(machine, gateway, ['--yes'], env)).toMatchObject({ code: 0 })
    expect(endpointIn(entryOf(named('cursor'), cursor.file)).key).toBe('mcps_made3')
    expect(endpointIn(entryOf(named('codex-cli'), codex.file)).key).toBe('mcps_made1')

    const undone = await ran(['connect', '--undo'], {
      machine,
      env: { ...env, XDG_STATE_HOME: join(machine.home, 'state') },
    })
    expect(undone).toMatchObject({ code: 0 })
    // The one that it replaced was not to be left either.
    expect(rest.revoked).toEqual([`${keys}/k2`, `${keys}/k1`, `${keys}/k3`])
    expect([cursor, codex].map(({ file }) => readFileSync(file, 'utf8'))).toEqual([cursor.text, codex.text])
  })

  test('tells how to revoke what it made, where nobody is logged in to do it', async () => {
    await using gateway = await startGateway()
    await using rest = await making(gateway)
    using machine = machineOf('linux')
    install(named('cursor'), machine)
    await connect(machine, gateway, ['--yes'], account(rest))
    const { code, stdout } = await undo(machine)
    expect(code).toBe(0)
    expect(stdout).toContain(`mcpshield keys revoke k1 --project ${PROJECT} --api ${rest.url}`)
  })

  test('writes no key that the gateway does not take, and leaves none behind', async () => {
    await using gateway = await startGateway()
    await using another = await startGateway()
    await using rest = await making(another)
    using machine = machineOf('linux')
    const { file, text } = install(named('cursor'), machine)
    const { code, stdout } = await connect(machine, gateway, ['--yes'], account(rest))
    expect(code).toBe(1)
    expect(stdout).toContain('does not take keys of this API')
    expect(readFileSync(file, 'utf8')).toBe(text)
    expect(rest.revoked).toEqual([`${keys}/k1`])
  })

  test('waits until the gateway has heard of the key', async () => {
    await using gateway = await startGateway()
    await using rest = await making(gateway)
    using machine = machineOf('linux')
    const { file } = install(named('cursor'), machine)
    const otherwise = rest.otherwise
    rest.otherwise = (asked) => {
      const answer = otherwise(asked)
      if (asked.path === keys) setTimeout(() => gateway.keys.add('mcps_made1'), 300)
      gateway.keys.clear()
      return answer
    }
    expect(await connect(machine, gateway, ['--yes'], account(rest))).toMatchObject({ code: 0 })
    expect(endpointIn(entryOf(named('cursor'), file)).key).toBe('mcps_made1')
  })

  test('leaves no key behind for a file that cannot be written', async () => {
    await using gateway = await startGateway()
    await using rest = await making(gateway)
    using machine = machineOf('linux')
    const { file, text } = install(named('cursor'), machine)
    const otherwise = rest.otherwise
    rest.otherwise = (asked) => {
      // The client writes its file at that moment.
      if (asked.method === 'POST') writeFileSync(file, '{"of": "others"}')
      return otherwise(asked)
    }
    const { code, stdout } = await connect(machine, gateway, ['--yes'], account(rest))
    expect({ code, left: readFileSync(file, 'utf8') }).toEqual({ code: 1, left: '{"of": "others"}' })
    expect(stdout).toContain('it was changed meanwhile')
    expect(rest.revoked).toEqual([`${keys}/k1`])
    expect(text).not.toBe('')
  })
})
