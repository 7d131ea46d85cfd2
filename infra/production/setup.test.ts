// setup_production.sh as an operator runs it, on a machine without Docker, and with one that stands in for it.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { decode } from '@nats-io/jwt'
import { ROOT } from './compose-file.ts'
import { openSecretFolder } from './secret-folder.ts'
import { makeSecrets } from './secrets.ts'
import { keepSettings, parseSettings, settingsProblems } from './settings.ts'

// Keys of NATS are made by a slow library.
vi.setConfig({ testTimeout: 60_000 })

const root = mkdtempSync(join(tmpdir(), 'mcpshield-setup-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let dir: string
let settings: string
let smtp: string
let count = 0

beforeEach(() => {
  const folder = join(root, String(count++))
  mkdirSync(folder)
  dir = join(folder, 'production')
  settings = join(folder, 'env')
  smtp = join(folder, 'smtp')
  writeFileSync(smtp, 'smtp://user:secret-word@mail.example.com:587\n')
})

function run(args: string[], path = process.env.PATH): { code: number | null; out: string; err: string } {
  const place = ['--dir', dir, '--settings', settings]
  const { status, stdout, stderr } = spawnSync('./setup_production.sh', [...args, ...place], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, PATH: path },
    input: '',
  })
  return { code: status, out: stdout, err: stderr }
}

const whole = () => [
  '--domain',
  'example.com',
  '--acme-email',
  'ops@example.com',
  '--smtp-url-file',
  smtp,
  '--no-docker-check',
]

function filesIn(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )
  return Object.fromEntries(
    files.map((entry) => [
      join(entry.parentPath, entry.name),
      readFileSync(join(entry.parentPath, entry.name), 'utf8'),
    ]),
  )
}

describe('setting up', () => {
  test('makes secrets and settings that only their owner reads, and tells none of them', () => {
    const { code, out, err } = run(whole())
    expect([code, err]).toEqual([0, ''])
    const files = filesIn(join(dir, 'secrets'))
    expect(Object.keys(files).length).toBeGreaterThan(40)
    for (const file of [...Object.keys(files), settings])
      expect([file, statSync(file).mode & 0o777]).toEqual([file, 0o600])
    for (const folder of ['', 'secrets', 'data', 'data/postgres', 'backups'])
      expect([folder, statSync(join(dir, folder)).mode & 0o777]).toEqual([folder, 0o700])
    for (const content of Object.values(files)) expect(out).not.toContain(content.trim())
    expect(parseSettings(readFileSync(settings, 'utf8'))).toMatchObject({
      APP_DOMAIN: 'app.example.com',
      API_DOMAIN: 'api.example.com',
      MCP_DOMAIN: 'mcp.example.com',
      SMTP_FROM_EMAIL: 'noreply@example.com',
    })
    // No secret is among the settings.
    for (const content of Object.values(files))
      expect(readFileSync(settings, 'utf8')).not.toContain(content.trim())
  })

  test('again changes nothing, and needs to be told nothing', () => {
    run(whole())
    const before = filesIn(join(root, String(count - 1)))
    const { code, out } = run(['--no-docker-check'])
    expect(code).toBe(0)
    expect(out).toContain('nothing was missing; nothing was changed')
    expect(filesIn(join(root, String(count - 1)))).toEqual(before)
  })

  test('again with other answers keeps those that were given', () => {
    run(whole())
    const before = filesIn(join(root, String(count - 1)))
    run(['--domain', 'other.example', '--acme-email', 'x@other.example', '--no-docker-check'])
    expect(filesIn(join(root, String(count - 1)))).toEqual(before)
  })

  test('makes what is lost or cut off anew, and nothing else', () => {
    run(whole())
    const secrets = join(dir, 'secrets')
    const before = filesIn(secrets)
    rmSync(join(secrets, 'mcp-session-key'))
    writeFileSync(join(secrets, 'audit-digest-key'), '')
    run(['--no-docker-check'])
    const after = filesIn(secrets)
    const changed = Object.keys(before).filter((name) => before[name] !== after[name])
    expect(changed.sort()).toEqual([join(secrets, 'audit-digest-key'), join(secrets, 'mcp-session-key')])
    for (const name of changed) expect(after[name]).toMatch(/^[0-9a-f]{64}$/)
  })

  test('in two places has no secret in common', () => {
    run(whole())
    const first = filesIn(join(dir, 'secrets'))
    const other = join(root, `${count}-other`)
    mkdirSync(other)
    dir = join(other, 'production')
    settings = join(other, 'env')
    run(whole())
    const second = new Set(Object.values(filesIn(join(dir, 'secrets'))))
    const same = Object.entries(first).filter(
      ([name, content]) => second.has(content) && !/smtp-url|issued-for/.test(name),
    )
    expect(same).toEqual([])
  })

  test('is refused, all reasons at once, where domains or addresses are none', () => {
    const { code, err } = run([
      '--domain',
      'not a domain',
      '--acme-email',
      'nobody',
      '--smtp-url-file',
      smtp,
      '--no-docker-check',
    ])
    expect(code).toBe(1)
    for (const name of ['APP_DOMAIN', 'API_DOMAIN', 'MCP_DOMAIN', 'ACME_EMAIL']) expect(err).toContain(name)
    expect(existsSync(settings)).toBe(false)
  })

  test('is refused without a mail server, as nobody could sign up', () => {
    writeFileSync(smtp, 'https://mail.example.com')
    const { code, err } = run(whole())
    expect(code).toBe(1)
    expect(err).toContain('--smtp-url-file')
  })

  test('without a terminal and without answers says what it needs', () => {
    const { code, err } = run(['--no-docker-check'])
    expect(code).toBe(2)
    expect(err).toContain('is not known')
  })
})

describe('looking', () => {
  test('with --check changes nothing', () => {
    const { code } = run(['--check', '--no-docker-check', '--domain', 'example.com'])
    expect(code).toBe(0)
    expect(existsSync(dir) || existsSync(settings)).toBe(false)
  })

  test('says what to install where there is no Docker, and changes nothing', () => {
    const path = pathWithout('docker')
    const { code, err } = run(
      ['--domain', 'example.com', '--acme-email', 'a@example.com', '--smtp-url-file', smtp],
      path,
    )
    expect(code).toBe(1)
    expect(err).toMatch(/missing {2}Docker: install/)
    expect(err).toContain('--no-docker-check')
    expect(existsSync(dir)).toBe(false)
  })

  test('says that a Compose of before is too old', () => {
    const path = pathWithDocker(
      'case "$1 $2" in "version --format") echo 29.1 ;; "compose version") echo 1.29.2 ;; esac',
    )
    const { err } = run(['--check'], path)
    expect(err).toContain('Docker Compose 1.29.2 is too old')
  })

  test('writes the digests of the images that are here, once', () => {
    const path = pathWithDocker(`case "$*" in
      "version --format"*) echo 29.1 ;;
      "compose version"*) echo 2.40.0 ;;
      "ps "*) echo running ;;
      "image inspect"*redis*) echo "redis@sha256:$(printf %064d 7)" ;;
      *) exit 1 ;;
    esac`)
    expect(run(['--pin-images'], path).code).toBe(0)
    expect(run(['--pin-images'], path).code).toBe(0)
    expect(readFileSync(settings, 'utf8')).toMatch(/^REDIS_IMAGE=redis:7\.2\.\d+-bookworm@sha256:0+7\n$/)
  })

  test('helps with examples; what it does not know is wrong usage', () => {
    const help = run(['--help'])
    expect([help.code, help.out.includes('./setup_production.sh --domain example.com')]).toEqual([0, true])
    expect(run(['--nonsense']).code).toBe(2)
    expect(run(['--domain']).code).toBe(2)
  })
})

/** The machine's programs but one. */
function pathWithout(program: string): string {
  return (process.env.PATH ?? '')
    .split(':')
    .filter((folder) => !existsSync(join(folder, program)))
    .join(':')
}

function pathWithDocker(script: string): string {
  const folder = join(root, `bin-${count}`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'docker'), `#!/bin/sh\n${script}\n`)
  chmodSync(join(folder, 'docker'), 0o755)
  return `${folder}:${process.env.PATH}`
}

describe('secrets', () => {
  test('of an own store are kept: its URL stays the one that was put there', async () => {
    const folder = openSecretFolder(join(dir, 'secrets'))
    folder.keepOrMake('redis-url-web', () => 'rediss://mine.example:6380')
    await makeSecrets(folder)
    expect(folder.read('redis-url-web')).toBe('rediss://mine.example:6380')
    expect(folder.read('redis-url-auth')).toMatch(/^redis:\/\/auth:[\w-]{43}@redis:6379\/0$/)
  })

  test('of a service that came with a later version are made beside the others’', async () => {
    const folder = openSecretFolder(join(dir, 'secrets'))
    await makeSecrets(folder)
    const roles = JSON.parse(folder.read('postgres-roles')!) as Record<string, string>
    const { siem, ...before } = roles
    folder.put('postgres-roles', JSON.stringify(before))
    rmSync(join(dir, 'secrets/database-url-siem'))
    await makeSecrets(openSecretFolder(join(dir, 'secrets')))
    const after = JSON.parse(folder.read('postgres-roles')!) as Record<string, string>
    expect(after).toMatchObject(before)
    expect(after['siem']).not.toBe(siem)
    expect(folder.read('database-url-siem')).toContain(`:${after['siem']}@`)
  })

  test('of the bus are issued anew when services may say other things, by the same keys', async () => {
    const folder = openSecretFolder(join(dir, 'secrets'))
    await makeSecrets(folder)
    const seeds = folder.read('nats/seeds.json')
    const issuer = () =>
      decode(/-----BEGIN NATS USER JWT-----\n(\S+)/.exec(folder.read('nats/auth.creds')!)![1]!).iss
    const [before, creds] = [issuer(), folder.read('nats/auth.creds')]
    folder.put('nats/issued-for', 'an older flow')
    await makeSecrets(openSecretFolder(join(dir, 'secrets')))
    expect(folder.read('nats/auth.creds')).not.toBe(creds)
    expect([folder.read('nats/seeds.json'), issuer()]).toEqual([seeds, before])
  })
})

describe('settings', () => {
  test('are read as Compose reads them', () => {
    expect(parseSettings('# a comment\nA=1\n B=two words \nC="three"\nD=\'4\'\nnot one\n')).toEqual({
      A: '1',
      B: 'two words',
      C: 'three',
      D: '4',
    })
  })

  test('are added to what is there, whose lines stay as they are', () => {
    mkdirSync(dir, { recursive: true })
    const file = join(dir, 'env')
    writeFileSync(file, '# mine\nAPP_DOMAIN=mine.example.com # so')
    expect(keepSettings(file, { APP_DOMAIN: 'x.example.com', API_DOMAIN: 'api.example.com' })).toEqual([
      'API_DOMAIN',
    ])
    expect(readFileSync(file, 'utf8')).toBe(
      '# mine\nAPP_DOMAIN=mine.example.com # so\nAPI_DOMAIN=api.example.com\n',
    )
    expect(() => keepSettings(file, { MCP_DOMAIN: 'a\nEVIL=1' })).toThrow(/cannot be written/)
  })

  test('of one name for two things are refused', () => {
    const same = {
      APP_DOMAIN: 'a.example.com',
      API_DOMAIN: 'a.example.com',
      MCP_DOMAIN: 'b.example.com',
      ACME_EMAIL: 'a@b.c',
      SMTP_FROM_EMAIL: 'a@b.c',
    }
    expect(settingsProblems(same)).toEqual(['The three domains have to differ.'])
  })
})
