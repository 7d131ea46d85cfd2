import { describe, expect, test } from 'vitest'
import { folder, mcpshield } from './command.ts'
import { open, textOf, wrapped } from './wrapped.ts'

describe('the end', () => {
  test('of the server is passed on with its exit code, and answers whoever waits', async () => {
    await using client = wrapped(open)
    client.send({ id: 1, method: 'tools/call', params: { name: 'hang' } })
    client.send({ id: 2, method: 'tools/call', params: { name: 'crash' } })
    expect(await client.ended).toBe(7)
    expect(client.messages.map(textOf)).toEqual(Array(2).fill('The server ended before it answered.'))
  })

  test('of the client’s input lets the server answer, and then ends it', async () => {
    await using client = wrapped(open)
    client.send({ id: 1, method: 'tools/call', params: { name: 'echo', arguments: { text: 'last words' } } })
    client.child.stdin.end()
    expect(await client.ended).toBe(0)
    expect(client.messages.map(textOf)).toEqual(['last words'])
  })

  test.for(['SIGTERM', 'SIGINT'] as const)('by %s ends the server too', async (signal) => {
    await using client = wrapped(open)
    await client.ask(1, 'ping')
    client.child.kill(signal)
    expect(await client.ended).toBe(signal === 'SIGTERM' ? 143 : 130)
  })

  test('of a server that ignores signals comes by force', async () => {
    await using client = wrapped(
      open,
      [],
      [
        process.execPath,
        '-e',
        `process.on('SIGTERM', () => undefined); setInterval(() => undefined, 1e6); process.stdin.resume().on('data', () => console.log('{"jsonrpc":"2.0","id":1,"result":{}}'))`,
      ],
    )
    await client.ask(1, 'ping')
    client.child.kill('SIGTERM')
    expect(await client.ended).toBe(137)
  })

  test('the server’s own words pass, our secrets do not', async () => {
    await using client = wrapped(open)
    const names = JSON.parse(textOf(await client.call(1, 'env')) ?? '') as string[]
    expect(names).toContain('THEIRS')
    expect(names.filter((name) => name.startsWith('MCPSHIELD'))).toEqual([])
    expect(client.stderr()).toContain('fixture: started\n')
  })
})

describe('before the start', () => {
  test.for<[string, string[], number, string]>([
    ['a bad policy', ['--policy', 'bad.yaml', '--', 'true'], 1, 'bad.yaml:1:10 error'],
    ['no policy', ['--policy', 'none.yaml', '--', 'true'], 2, 'none.yaml cannot be read'],
    ['the policy on standard input', ['--policy', '-', '--', 'true'], 2, 'must be a file'],
    [
      'a name that is none',
      ['--policy', 'p.yaml', '--name', 'My Files', '--', 'true'],
      2,
      'give one with --name',
    ],
    ['a command without a name', ['--policy', 'p.yaml', '--', '/bin/_'], 2, 'give one with --name'],
    [
      'a server that is not known',
      ['--policy', 'p.yaml', '--server', 'nope', '--', 'true'],
      2,
      'known are: ',
    ],
    [
      'a log that cannot be written',
      ['--policy', 'p.yaml', '--log', '/no/such/log', '--', 'true'],
      2,
      'cannot be written',
    ],
    [
      'a command that is not there',
      ['--policy', 'p.yaml', '--', './no-such-command'],
      127,
      'cannot be started',
    ],
    ['a command that cannot be run', ['--policy', 'p.yaml', '--', './p.yaml'], 126, 'cannot be started'],
  ])('%s is said, and ends it', async ([, args, code, said]) => {
    using files = folder({ 'p.yaml': 'version: 1\n', 'bad.yaml': 'version: 9\n' })
    const outcome = await mcpshield(['wrap', ...args], {
      cwd: files.path('.'),
      env: { XDG_STATE_HOME: files.path('state') },
    })
    expect({ code: outcome.code, stdout: outcome.stdout }).toEqual({ code, stdout: '' })
    expect(outcome.stderr).toContain(said)
  })

  test('the command names the server where nothing else does', async () => {
    using files = folder({ 'p.yaml': 'version: 1\nrules: [{ tool: node/echo, decision: allow }]\n' })
    const { lines } = await mcpshield(
      [
        'wrap',
        '--policy',
        files.path('p.yaml'),
        '--pins',
        'none',
        '--',
        process.execPath,
        '-e',
        'process.stdin.resume()',
      ],
      { input: '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"other"}}\n' },
    )
    expect(lines).toMatchObject([
      {
        id: 1,
        result: { _meta: { 'io.mcpshield/decision': { reason: expect.stringContaining('node/other') } } },
      },
    ])
  })
})
