import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { pino } from 'pino'
import { stdioUpstream } from '../src/upstreams/stdio.ts'
import { listUpstreamTools, type Upstream } from '../src/upstreams/upstream.ts'

const open: Upstream[] = []
function start(options: { command?: string; args?: string[]; env?: Record<string, string> } = {}): Upstream {
  const upstream = stdioUpstream(
    {
      slug: 'fixture',
      command: options.command ?? process.execPath,
      args: options.args ?? [join(import.meta.dirname, 'fixture-server.ts')],
      env: options.env ?? {},
      path: '/usr/bin:/bin',
    },
    pino({ level: 'silent' }),
  )
  open.push(upstream)
  return upstream
}
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each[Symbol.asyncDispose]()))
})

const within = { timeoutMs: 5_000 }
const call = (upstream: Upstream, name: string, text = '') =>
  upstream.send('tools/call', { name, arguments: { text } }, within)

describe('an upstream process', () => {
  test('answers calls, many at once, each with its own answer', async () => {
    const upstream = start()
    expect((await listUpstreamTools(upstream, 5_000)).map((tool) => tool.name)).toContain('echo')
    const texts = Array.from({ length: 50 }, (_, index) => `text ${index}`)
    const answers = await Promise.all(texts.map((text) => call(upstream, 'echo', text)))
    expect(answers).toEqual(texts.map((text) => ({ result: { content: [{ type: 'text', text }] } })))
  })

  test('that stops fails its calls with a reason, and is started again by the next call', async () => {
    const upstream = start()
    const lost = call(upstream, 'hang')
    await expect(call(upstream, 'crash')).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('exit code 3'),
    })
    await expect(lost).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(call(upstream, 'echo', 'again')).resolves.toMatchObject({
      result: { content: [{ text: 'again' }] },
    })
  })

  test('that hangs is given up after its time', async () => {
    const upstream = start()
    await call(upstream, 'echo')
    const hanging = upstream.send('tools/call', { name: 'hang' }, { timeoutMs: 100 })
    await expect(hanging).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: 'The upstream fixture did not answer within 100 ms.',
    })
    await expect(call(upstream, 'echo', 'still there')).resolves.toBeDefined()
  })

  test('is told when the client goes away', async () => {
    const upstream = start()
    await call(upstream, 'echo')
    const gone = new AbortController()
    const hanging = upstream.send('tools/call', { name: 'hang' }, { timeoutMs: 5_000, signal: gone.signal })
    gone.abort()
    await expect(hanging).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  test('that answers nonsense is not believed', async () => {
    const upstream = start()
    await expect(call(upstream, 'nonsense')).resolves.toMatchObject({
      result: { content: [{ text: 'after nonsense' }] },
    })
    await expect(call(upstream, 'neither')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(call(upstream, 'asks')).resolves.toMatchObject({ result: { content: [{ text: 'asked' }] } })
  })

  test('may answer with characters that some readers take for the end of a line', async () => {
    const upstream = start()
    await expect(call(upstream, 'separators')).resolves.toEqual({
      result: { content: [{ type: 'text', text: 'a\u0085b\u2028c\u2029d' }] },
    })
    await expect(call(upstream, 'echo', 'next')).resolves.toBeDefined()
  })

  test('gets each message as one line, whatever it takes for the end of one', async () => {
    const upstream = start({ args: [join(import.meta.dirname, 'line-server.ts')] })
    const text = 'a\u0085b\u2028c\u2029d'
    await expect(call(upstream, 'echo', text)).resolves.toMatchObject({
      result: { content: [{ text }], separators: 0 },
    })
  })

  test('that answers without an end is stopped', async () => {
    const upstream = start()
    await expect(call(upstream, 'endless')).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('SIGKILL'),
    })
    await expect(call(upstream, 'echo', 'again')).resolves.toBeDefined()
  })

  test('sees nothing of our environment but PATH and what was named', async () => {
    process.env.SECRET_OF_THE_GATEWAY = 'secret'
    const upstream = start({ env: { NAMED: 'yes' } })
    const answer = JSON.stringify(await call(upstream, 'env'))
    expect(answer).toContain('NAMED')
    expect(answer).not.toContain('SECRET_OF_THE_GATEWAY')
    delete process.env.SECRET_OF_THE_GATEWAY
  })

  test('that cannot be started says so, and a shell never sees its arguments', async () => {
    const missing = start({ command: '/nonexistent/program' })
    await expect(call(missing, 'echo')).rejects.toMatchObject({
      message: expect.stringContaining('cannot be started'),
    })
    const args = start({ command: '/bin/echo; touch /tmp/owned' })
    await expect(call(args, 'echo')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
})
