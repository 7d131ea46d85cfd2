import { execFileSync, spawn } from 'node:child_process'
import { existsSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { bin, folder, jsonl, mcpshield } from './command.ts'

/** A Node of this machine that is too old to run the sources, if it has one. */
function olderNode(): string | undefined {
  const places = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/bin', '/usr/bin']
  return places
    .map((place) => join(place, 'node'))
    .find(
      (node) => existsSync(node) && Number.parseInt(execFileSync(node, ['-v']).toString().slice(1), 10) < 24,
    )
}

const older = olderNode()

describe.skipIf(older === undefined)('under a Node that is too old (skipped where there is none)', () => {
  const node = older ?? ''

  test('the command runs on the Node that came with the install, from any folder and through a link', async () => {
    using files = folder()
    symlinkSync(bin, files.path('mcpshield'))
    const child = spawn(node, [files.path('mcpshield'), 'redact'], { cwd: tmpdir(), stdio: 'pipe' })
    child.stdin.end(jsonl({ id: 1, text: 'write to ann@example.com' }))
    expect(JSON.parse(await text(child.stdout))).toMatchObject({
      id: 1,
      text: 'write to [redacted:email]',
    })
  })

  test('the exit code is passed on', async () => {
    expect((await mcpshield(['no-such-command'], { node })).code).toBe(2)
    expect((await mcpshield(['--version'], { node })).code).toBe(0)
  })

  test('a signal reaches the command, and ends this process as it ended that one', async () => {
    const child = spawn(node, [bin, 'redact'], { stdio: 'pipe' })
    child.stdin.write(jsonl({ id: 1, text: 'started' }))
    await once(child.stdout, 'data')
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([null, 'SIGTERM'])
  })
})

describe('the command line', () => {
  test('prints its version and its help, and how to use it where it cannot be told what is wanted', async () => {
    expect((await mcpshield(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    const help = await mcpshield(['help'])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    expect(help.stdout).toContain('Usage: mcpshield')
    const none = await mcpshield([])
    expect(none).toMatchObject({ code: 2, stdout: '' })
    expect(none.stderr).toContain('Usage: mcpshield')
  })

  test.for([
    ['policy', 'check'],
    ['policy', 'eval'],
    ['policy', 'simulate'],
    ['inspect'],
    ['redact'],
    ['wrap'],
  ])('%s %s has help with an example', async (command) => {
    const { code, stdout } = await mcpshield([...command, '--help'])
    expect(code).toBe(0)
    expect(stdout).toContain('Example:')
    expect(stdout).toContain(`mcpshield ${command.join(' ')}`)
  })

  test.for<[string[], string]>([
    [['polcy'], 'Did you mean policy?'],
    [['policy', 'chek', 'x'], 'Did you mean check?'],
    [['redact', '--detector', 'email'], 'Did you mean --detectors?'],
    [['policy', 'eval'], '--policy'],
    [['inspect'], '--dialect'],
    [['inspect', '--dialect', 'oracle'], 'postgresql, mysql, sqlite, mongodb, redis'],
    [['redact', 'a.jsonl', 'b.jsonl'], 'too many arguments'],
    [['redact', '--detectors', 'email,'], 'single commas'],
    [['redact', '--detectors', 'email,passport'], 'known are: private_key, jwt'],
    [['redact', '/no/such/file'], '/no/such/file cannot be read'],
    [['redact', '/'], '/ cannot be read'],
    [['wrap', '--policy', 'x'], 'command'],
  ])('%j is a usage error that says what to do', async ([args, said]) => {
    const { code, stdout, stderr } = await mcpshield(args)
    expect(stderr).toContain(said)
    expect(stderr).not.toContain('fault of ours')
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  })
})
