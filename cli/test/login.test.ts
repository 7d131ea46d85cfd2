import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { locked } from '../src/login-lock.ts'
import { askHidden } from '../src/terminal.ts'
import type { World } from '../src/world.ts'
import { folder, mcpshield } from './command.ts'
import { PASSWORD, startRestServer, type RestServer } from './rest-server.ts'

/** Commands of one user's machine. */
function machine() {
  const files = folder()
  const home = files.path('home')
  const kept = join(home, 'mcpshield/login.json')
  return {
    run: (args: string[], input = '', env: Record<string, string> = {}) =>
      mcpshield(args, { input, env: { XDG_CONFIG_HOME: home, ...env } }),
    kept,
    login: () => JSON.parse(readFileSync(kept, 'utf8')) as Record<string, string>,
    write: (login: object) => writeFileSync(kept, JSON.stringify(login)),
    files: () => readdirSync(join(home, 'mcpshield')),
    [Symbol.dispose]: () => files[Symbol.dispose](),
  }
}

const EMAIL = 'ann@example.com'
const signIn = (server: RestServer, on: ReturnType<typeof machine>, input = `${PASSWORD}\n`) =>
  on.run(['login', '--api', `${server.url}/`, '--email', EMAIL, '--password-stdin'], input)
const me = { email: EMAIL, first_name: 'Ann', last_name: 'Smith\u001b[2J' }
const organization = { name: 'Acme', role: 'editor' }

function withPeople(server: RestServer): void {
  server.answers.set('GET /me', { status: 200, body: me })
  server.answers.set('GET /organization', { status: 200, body: organization })
  server.answers.set('POST /auth/logout', { status: 204 })
}

describe('login', () => {
  test('keeps the tokens where nobody else can read them, and shows neither them nor the password', async () => {
    await using server = await startRestServer()
    using on = machine()
    const { code, stdout, stderr } = await signIn(server, on)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toBe(`Logged in at ${server.url} as ${EMAIL}. The tokens are in ${on.kept}.\n`)
    expect(statSync(on.kept).mode & 0o777).toBe(0o600)
    expect(statSync(join(on.kept, '..')).mode & 0o777).toBe(0o700)
    expect(on.login()).toMatchObject({ api: server.url, email: EMAIL, access_token: 'access-1' })
    expect(readFileSync(on.kept, 'utf8')).not.toContain(PASSWORD)
    expect(on.files()).toEqual(['login.json'])
    expect(server.asked[0]?.body).toEqual({ email: EMAIL, password: PASSWORD, remember_me: true })
  })

  test('with a wrong password ends with 1 and keeps what was there', async () => {
    await using server = await startRestServer()
    using on = machine()
    await signIn(server, on)
    const before = on.login()
    const refused = await signIn(server, on, 'wrong-password')
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toBe('mcpshield: The address or the password is wrong.\n')
    expect(on.login()).toEqual(before)
  })

  test('without a terminal, an address or a server is a usage or a server error', async () => {
    await using server = await startRestServer()
    using on = machine()
    const at = ['login', '--api', server.url]
    expect(await on.run([...at, '--email', EMAIL])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--password-stdin') as string,
    })
    expect(await on.run(at)).toMatchObject({ code: 2 })
    expect(await on.run([...at, '--email', EMAIL, '--password-stdin'], '')).toMatchObject({ code: 2 })
    const nowhere = ['login', '--api', 'http://127.0.0.1:9', '--email', EMAIL, '--password-stdin']
    expect(await on.run(nowhere, PASSWORD)).toMatchObject({ code: 3 })
    server.answers.set('POST /auth/login', { status: 200, body: { hello: 1 } })
    expect(await signIn(server, on)).toMatchObject({ code: 3 })
  })

  test('sends the code of an authenticator app', async () => {
    await using server = await startRestServer()
    using on = machine()
    const at = ['login', '--api', server.url, '--email', EMAIL, '--password-stdin']
    await on.run([...at, '--otp', '123456'], PASSWORD)
    expect(server.asked[0]?.body).toMatchObject({ otp: '123456' })
    const type = 'urn:mcpshield:mfa_required'
    server.answers.set('POST /auth/login', { status: 401, body: { type, detail: 'A code is needed.' } })
    expect(await on.run(at, PASSWORD)).toMatchObject({ code: 1, stderr: 'mcpshield: A code is needed.\n' })
  })

  test('asks on a terminal, which does not show what is typed', async () => {
    const [stdin, stderr] = [Object.assign(new PassThrough(), { isTTY: true }), new PassThrough()]
    const asked = askHidden({ stdin, stderr } as unknown as World, 'Password: ')
    stdin.write(`${PASSWORD}\r`)
    expect(await asked).toBe(PASSWORD)
    expect(String(stderr.read())).toBe('Password: \n')
    const nobody = askHidden({ stdin: new PassThrough(), stderr } as unknown as World, 'Password: ')
    expect(await nobody).toBe(undefined)
    const left = askHidden({ stdin, stderr } as unknown as World, 'Password: ')
    stdin.write('\u0003')
    await expect(left).rejects.toThrow('nothing was entered')
  })
})

describe('whoami', () => {
  test('tells who is logged in, where, and as what; nobody is the answer 1', async () => {
    await using server = await startRestServer()
    withPeople(server)
    using on = machine()
    expect(await on.run(['whoami'])).toMatchObject({ code: 1, stderr: 'mcpshield: not logged in\n' })
    await signIn(server, on)
    const { code, stdout } = await on.run(['whoami'])
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: `${EMAIL} (Ann Smith\ufffd[2J), editor of Acme, at ${server.url}\n`,
    })
    expect((await on.run(['whoami', '--json'])).lines).toEqual([{ api: server.url, user: me, organization }])
    expect(server.asked.at(-1)?.authorization).toBe('Bearer access-1')
  })

  test('sends the tokens to the server that gave them and to no other', async () => {
    await using server = await startRestServer()
    await using other = await startRestServer()
    using on = machine()
    await signIn(server, on)
    const elsewhere = await on.run(['whoami', '--api', other.url])
    expect(elsewhere).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`not at ${other.url}`) as string,
    })
    expect(await on.run(['whoami'], '', { MCPSHIELD_API: other.url })).toMatchObject({ code: 2 })
    expect(other.asked).toEqual([])
  })

  test('of a file that is no login says so', async () => {
    await using server = await startRestServer()
    using on = machine()
    await signIn(server, on)
    writeFileSync(on.kept, '{"api":')
    expect(await on.run(['whoami'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('log in again') as string,
    })
  })
})

describe('a token that is over', () => {
  test('is renewed, once, however many commands need it at once', async () => {
    await using server = await startRestServer()
    withPeople(server)
    using on = machine()
    server.goodForSeconds = 10
    await signIn(server, on)
    server.goodForSeconds = 900
    const all = await Promise.all(Array.from({ length: 5 }, () => on.run(['whoami'])))
    expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0])
    expect(server.asked.filter(({ path }) => path === '/auth/refresh')).toHaveLength(1)
    expect(server.ended).toBe(false)
    expect(on.login()).toMatchObject({ access_token: 'access-2', refresh_token: 'refresh-2' })
    expect(statSync(on.kept).mode & 0o777).toBe(0o600)
    expect(on.files()).toEqual(['login.json'])
  })

  test('by the server’s word, whatever the clock says, is renewed too', async () => {
    await using server = await startRestServer()
    withPeople(server)
    using on = machine()
    await signIn(server, on)
    server.forgetTokens()
    expect(await on.run(['whoami'])).toMatchObject({ code: 0 })
    expect(server.asked.filter(({ path }) => path === '/auth/refresh')).toHaveLength(1)
  })

  test('with its session ends the login, and says what to do', async () => {
    await using server = await startRestServer()
    withPeople(server)
    using on = machine()
    await signIn(server, on)
    server.forgetTokens()
    server.ended = true
    expect(await on.run(['whoami'])).toMatchObject({
      code: 3,
      stderr: 'mcpshield: the login is over: run mcpshield login\n',
    })
    expect(on.files()).toEqual([])
  })

  test('stays where the server cannot be reached: the refresh token is kept', async () => {
    using on = machine()
    {
      await using server = await startRestServer()
      await signIn(server, on)
    }
    const before = { ...on.login(), expires_at: '2020-01-01T00:00:00.000Z' }
    on.write(before)
    expect(await on.run(['whoami'])).toMatchObject({ code: 3 })
    expect(on.login()).toEqual(before)
  })
})

describe('logout', () => {
  test('ends the session at the server and forgets it here', async () => {
    await using server = await startRestServer()
    withPeople(server)
    using on = machine()
    await signIn(server, on)
    expect(await on.run(['logout'])).toMatchObject({ code: 0, stdout: `Logged out of ${server.url}.\n` })
    expect(server.asked.at(-1)).toMatchObject({ path: '/auth/logout', authorization: 'Bearer access-1' })
    expect(on.files()).toEqual([])
    expect(await on.run(['logout'])).toMatchObject({ code: 1 })
  })

  test('forgets it here even when the server cannot be told, and says so', async () => {
    using on = machine()
    {
      await using server = await startRestServer()
      await signIn(server, on)
    }
    expect(await on.run(['logout'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('logged out here, but the server could not be told') as string,
    })
    expect(on.files()).toEqual([])
  })
})

describe('the lock', () => {
  test('lets one in at a time, and is gone afterwards, also after a failure', async () => {
    using files = folder()
    const path = files.path('login.json')
    let inside = 0
    let most = 0
    const work = async () => {
      inside += 1
      most = Math.max(most, inside)
      await new Promise((resolve) => setTimeout(resolve, 5))
      inside -= 1
    }
    await Promise.all(Array.from({ length: 8 }, () => locked(path, work)))
    expect(most).toBe(1)
    await expect(locked(path, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(readdirSync(files.path('.'))).toEqual([])
  })

  test('left behind by a command that was killed is taken over by one of those who wait', async () => {
    using files = folder({ 'login.json.lock': 'gone' })
    const lock = files.path('login.json.lock')
    utimesSync(lock, new Date(Date.now() - 60_000), new Date(Date.now() - 60_000))
    let inside = 0
    let most = 0
    const work = async () => {
      inside += 1
      most = Math.max(most, inside)
      await new Promise((resolve) => setTimeout(resolve, 20))
      inside -= 1
    }
    await Promise.all(Array.from({ length: 4 }, () => locked(files.path('login.json'), work)))
    expect(most).toBe(1)
    expect(readdirSync(files.path('.'))).toEqual([])
  })
})
