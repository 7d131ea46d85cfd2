import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { folder } from './command.ts'
import { ran } from './in-process.ts'
import { PROJECT, startPolicyServer, type PolicyServer } from './policy-server.ts'

const FIRST = 'version: 1\nrules: []\n'
const SECOND = 'version: 1\nrules: []\n# more\n'

function on(server: PolicyServer, files = folder()) {
  const file = files.path('policy.yaml')
  return {
    file,
    policy: (word: string, ...args: string[]) =>
      ran(['policy', word, ...args], { env: { MCPSHIELD_API: server.url, MCPSHIELD_TOKEN: server.token() } }),
    text: () => readFileSync(file, 'utf8'),
    origin: () => JSON.parse(readFileSync(`${file}.mcpshield.json`, 'utf8')) as Record<string, unknown>,
    write: (text: string) => writeFileSync(file, text),
    [Symbol.dispose]: () => files[Symbol.dispose](),
  }
}

describe('policy pull', () => {
  test('writes the policy, byte by byte, and beside it where it came from', async () => {
    await using server = await startPolicyServer(FIRST)
    using here = on(server)
    expect(await here.policy('pull', here.file)).toMatchObject({ code: 0, stderr: '' })
    expect(here.text()).toBe(FIRST)
    expect(here.origin()).toMatchObject({ api: server.url, project_id: PROJECT, version: 1 })
    expect(await here.policy('pull', '-')).toMatchObject({ stdout: FIRST })
  })

  test('never writes over changes of one’s own, but over what came from a server and stayed so', async () => {
    await using server = await startPolicyServer(FIRST)
    using here = on(server)
    here.write('# mine\n')
    expect(await here.policy('pull', here.file)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--force'),
    })
    expect(here.text()).toBe('# mine\n')
    expect(await here.policy('pull', here.file, '--force')).toMatchObject({ code: 0 })
    server.save(SECOND)
    expect(await here.policy('pull', here.file)).toMatchObject({ code: 0 })
    expect(here.text()).toBe(SECOND)
    expect(await here.policy('pull', here.file, '--version', '1')).toMatchObject({ code: 0 })
    expect([here.text(), here.origin().version]).toEqual([FIRST, 1])
    expect(await here.policy('pull', here.file, '--version', '9')).toMatchObject({ code: 1 })
  })
})

describe('policy diff', () => {
  test('is 0 for what is in force, and 1 with the difference for anything else', async () => {
    await using server = await startPolicyServer(FIRST)
    using here = on(server)
    here.write(FIRST)
    expect(await here.policy('diff', here.file)).toMatchObject({ code: 0, stdout: '' })
    here.write(SECOND)
    const { code, stdout } = await here.policy('diff', here.file)
    expect(code).toBe(1)
    expect(stdout).toBe(
      `--- version 1\n+++ ${here.file}\n@@ -1,2 +1,3 @@\n version: 1\n rules: []\n+# more\n`,
    )
    expect((await here.policy('diff', here.file, '--json')).lines).toEqual([
      { file: here.file, version: 1, same: false, diff: stdout },
    ])
  })
})

describe('policy push', () => {
  test('saves what was pulled and changed, by the version it was made from', async () => {
    await using server = await startPolicyServer(FIRST)
    using here = on(server)
    await here.policy('pull', here.file)
    here.write(SECOND)
    const pushed = await here.policy('push', here.file, '--note', 'More.')
    expect(pushed).toMatchObject({ code: 0, stderr: '' })
    expect(pushed.stdout).toContain('+# more\nSaved as version 2.\n')
    expect(server.versions).toEqual([FIRST, SECOND])
    expect(server.asked.at(-1)).toMatchObject({
      method: 'PUT',
      ifMatch: '"1"',
      body: { policy_yaml: SECOND, note: 'More.' },
    })
    expect(here.origin().version).toBe(2)
    expect(await here.policy('push', here.file)).toMatchObject({
      code: 0,
      stdout: 'Nothing to save: this is version 2.\n',
    })
  })

  test('of a version that is not in force any more saves nothing, and shows what others did', async () => {
    await using server = await startPolicyServer(FIRST)
    using here = on(server)
    await here.policy('pull', here.file)
    here.write('# mine\n')
    server.save(SECOND)
    const { code, stderr } = await here.policy('push', here.file)
    expect(code).toBe(1)
    expect(stderr).toContain('/diff?against=1 of 2')
    expect(stderr).toContain(`was made from version 1, and version 2 is in force`)
    expect(stderr).toContain(`mcpshield policy push ${here.file} --base 2`)
    expect(server.versions).toHaveLength(2)
    expect(await here.policy('push', here.file, '--base', '2')).toMatchObject({ code: 0 })
    expect(server.versions).toHaveLength(3)
  })

  test('is refused by the server, too, when somebody saves at that moment', async () => {
    await using server = await startPolicyServer(FIRST)
    using here = on(server)
    await here.policy('pull', here.file)
    here.write('# mine\n')
    server.answers.set(`PUT /projects/${PROJECT}/policy`, { status: 412, body: { detail: 'Stale.' } })
    expect(await here.policy('push', here.file)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not saved'),
    })
  })

  test('of a file that says nothing of where it came from asks for it, and saves nothing', async () => {
    await using server = await startPolicyServer(FIRST)
    using here = on(server)
    here.write(SECOND)
    expect(await here.policy('push', here.file)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('policy pull'),
    })
    expect(server.versions).toEqual([FIRST])
    expect(await here.policy('push', here.file, '--base', 'latest')).toMatchObject({ code: 0 })
    expect(await here.policy('push', here.file, '--base', 'newest')).toMatchObject({ code: 2 })
  })

  test('of a file from another project does not take its version for this one’s', async () => {
    await using server = await startPolicyServer(FIRST)
    using here = on(server)
    await here.policy('pull', here.file)
    const other = '0194b2f0-0000-7000-8000-0000000000bb'
    writeFileSync(`${here.file}.mcpshield.json`, JSON.stringify({ ...here.origin(), project_id: other }))
    here.write(SECOND)
    expect(await here.policy('push', here.file, '--project', PROJECT)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('another project'),
    })
    expect(server.versions).toEqual([FIRST])
  })

  test('of a policy with errors shows them where they are, and ends with 1', async () => {
    await using server = await startPolicyServer(FIRST)
    using here = on(server)
    await here.policy('pull', here.file)
    here.write('mistake: 1\n')
    const { code, stdout } = await here.policy('push', here.file)
    expect(code).toBe(1)
    expect(stdout).toContain(`${here.file}:1:1 error wrong This is a mistake.\n  mistake: 1\n  ^\n`)
    expect(server.versions).toEqual([FIRST])
    expect(here.origin().version).toBe(1)
  })
})

describe('policy history and rollback', () => {
  test('history is a table, newest first, and of one version what it changed', async () => {
    await using server = await startPolicyServer(FIRST)
    using here = on(server)
    server.save(SECOND)
    const { stdout } = await here.policy('history', '--project', 'shop')
    expect(stdout).toBe(
      'version  saved                     by  note\n2        2026-01-01T00:00:00.000Z  -\n1        2026-01-01T00:00:00.000Z  -\n',
    )
    expect((await here.policy('history', '2')).stdout).toContain('/diff of 2')
  })

  test('rollback saves the old version as the newest, if nobody saved one meanwhile', async () => {
    await using server = await startPolicyServer(FIRST)
    using here = on(server)
    server.save(SECOND)
    const back = await here.policy('rollback', '1')
    expect(back).toMatchObject({ code: 0 })
    expect(back.stdout).toContain('Version 1 is in force again, as version 3.\n')
    expect(server.asked.at(-1)).toMatchObject({ ifMatch: '"2"', body: { version: 1 } })
    expect(server.versions).toEqual([FIRST, SECOND, FIRST])
    expect(await here.policy('rollback', '3')).toMatchObject({ code: 0 })
    expect(server.versions).toHaveLength(3)
    server.answers.set(`POST /projects/${PROJECT}/policy/rollback`, {
      status: 412,
      body: { detail: 'Stale.' },
    })
    expect(await here.policy('rollback', '2')).toMatchObject({ code: 1, stderr: 'mcpshield: Stale.\n' })
    expect(await here.policy('rollback', '9')).toMatchObject({ code: 1 })
    expect(await here.policy('rollback', 'x')).toMatchObject({ code: 2 })
  })
})
