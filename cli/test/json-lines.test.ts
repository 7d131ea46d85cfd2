import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { Readable } from 'node:stream'
import { text as textOf } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { readLines } from '../src/lines.ts'
import { bin, folder, jsonl, mcpshield } from './command.ts'

const good = (id: unknown) => ({ id, text: 'ann@example.com' })
const redacted = (id: unknown): unknown => expect.objectContaining({ id, text: '[redacted:email]' })
const bad = (id: unknown, error: string) => ({ id, error: expect.stringContaining(error) })

describe('each line of input has one line of output', () => {
  const hostile: [line: string | Buffer, answer: unknown][] = [
    [JSON.stringify(good(1)), redacted(1)],
    ['', bad(null, 'empty')],
    ['   ', bad(null, 'empty')],
    ['nonsense', bad(null, 'not JSON')],
    ['{"id":2,"text":"cut', bad(2, 'not JSON')],
    ['null', bad(null, 'not an object')],
    ['[{"id":3}]', bad(null, 'not an object')],
    ['{"id":4}', bad(4, 'text must be a string')],
    ['{"id":5,"text":7}', bad(5, 'text must be a string')],
    ['{"id":6,"text":"a","text":"b"}', bad(6, 'repeated')],
    ['{"id":7,"text":"a","big":12345678901234567890}', bad(7, 'too large')],
    [`{"id":8,"text":"a","deep":${'['.repeat(70)}${']'.repeat(70)}}`, bad(8, 'nested deeper')],
    [`{"id":9,"text":"a","deep":${'['.repeat(200_000)}`, bad(9, 'nested deeper')],
    [
      Buffer.from([...Buffer.from('{"id":10,"text":"'), 0xff, 0xfe, ...Buffer.from('"}')]),
      bad(10, 'not UTF-8'),
    ],
    [
      '{"text":"no id: ann@example.com"}',
      expect.objectContaining({ id: null, findings: [expect.anything()] }),
    ],
    [JSON.stringify(good({ any: ['value'] })), redacted({ any: ['value'] })],
    ['{"__proto__":{"text":"x"},"id":11}', bad(11, 'text must be a string')],
    [`${JSON.stringify(good('with CR'))}\r`, redacted('with CR')],
    ['{"id":12,"text":"\\ud83d ann@example.com"}', expect.objectContaining({ id: 12 })],
    [JSON.stringify(good('last')), redacted('last')],
  ]
  const input = (end: string) =>
    Buffer.concat(
      hostile.map(([line], index) =>
        Buffer.concat([Buffer.from(line), Buffer.from(index < hostile.length - 1 ? '\n' : end)]),
      ),
    )

  test.for([
    ['with an end to the last line', '\n'],
    ['without one', ''],
  ])('whatever it holds, %s', async ([, end]) => {
    const { code, lines } = await mcpshield(['redact'], { input: input(end as string) })
    expect(lines).toEqual(hostile.map(([, answer]) => answer))
    expect(code).toBe(0)
  })

  test('a mark of byte order before the first line is passed over; no input has no output', async () => {
    const marked = await mcpshield(['redact'], {
      input: `\ufeff${jsonl(good(1), `\ufeff${JSON.stringify(good(2))}`)}`,
    })
    expect(marked.lines).toEqual([redacted(1), bad(2, 'not JSON')])
    expect(await mcpshield(['redact'])).toMatchObject({ code: 0, stdout: '' })
  })

  test('a file is read like standard input, and so is -', async () => {
    using files = folder({ 'in.jsonl': jsonl(good(1), good(2)) })
    expect((await mcpshield(['redact', files.path('in.jsonl')])).lines).toEqual([redacted(1), redacted(2)])
    expect((await mcpshield(['redact', '-'], { input: jsonl(good(3)) })).lines).toEqual([redacted(3)])
  })
})

describe('lines', () => {
  const chunksOf = (bytes: Buffer, size: number) =>
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
  const read = async (bytes: Buffer, size: number, maxBytes: number) => {
    const lines: string[] = []
    for await (const some of readLines(Readable.from(chunksOf(bytes, size)), maxBytes)) {
      for (const line of some)
        lines.push('bytes' in line ? line.bytes.toString() : `too long: ${line.tooLong.toString()}`)
    }
    return lines
  }

  test('are the same however the input is cut into chunks', async () => {
    const bytes = Buffer.from('one\r\n\ntwo is too long\nthre\n\nlast')
    for (let size = 1; size <= bytes.length; size++) {
      expect(await read(bytes, size, 5)).toEqual([
        'one',
        '',
        expect.stringMatching(/^too long: two is/),
        'thre',
        '',
        'last',
      ])
    }
  })

  test('of exactly the largest size are read, and one byte more is too long', async () => {
    expect(await read(Buffer.from('12345\n123456\n'), 4, 5)).toEqual(['12345', 'too long: 123456'])
  })
})

describe('a stream', () => {
  // Enough to hold the programs and one line, and far less than the input.
  const small = { nodeOptions: ['--max-old-space-size=64'] }

  test('of 200,000 lines passes through little memory, in order', async () => {
    const child = spawn(process.execPath, [...small.nodeOptions, bin, 'redact'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const text = `a log line about ann@example.com ${'and nothing else '.repeat(20)}`
    Readable.from(
      (function* () {
        for (let id = 0; id < 200_000; id += 1_000)
          yield Array.from({ length: 1_000 }, (_, i) => `{"id":${id + i},"text":"${text}"}\n`).join('')
      })(),
    ).pipe(child.stdin)
    let id = 0
    let inOrder = true
    for await (const lines of readLines(child.stdout)) {
      for (const line of lines) {
        inOrder &&=
          'bytes' in line &&
          line.bytes.toString().startsWith(`{"id":${id},"text":"a log line about [redacted`)
        id++
      }
    }
    expect({ lines: id, inOrder, code: child.exitCode ?? (await once(child, 'exit'))[0] }).toEqual({
      lines: 200_000,
      inOrder: true,
      code: 0,
    })
  }, 30_000)

  test('with a line of 300 MB goes on after it', async () => {
    const child = spawn(process.execPath, [...small.nodeOptions, bin, 'redact'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const piece = Buffer.alloc(1024 * 1024, 'x')
    Readable.from(
      (function* () {
        yield Buffer.from('{"id":"huge","text":"')
        for (let i = 0; i < 300; i++) yield piece
        yield Buffer.from(`"}\n${jsonl(good('after'))}`)
      })(),
    ).pipe(child.stdin)
    const lines = (await textOf(child.stdout))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
    expect(lines).toEqual([bad('huge', 'longer than'), redacted('after')])
  }, 30_000)

  test('may hold a line of 10 MB', async () => {
    const text = 'word '.repeat(2 * 1024 * 1024 - 10)
    const { lines } = await mcpshield(['redact'], { input: jsonl({ id: 1, text }, good(2)), ...small })
    expect(lines).toEqual([{ id: 1, text, findings: [] }, redacted(2)])
  }, 30_000)

  test('ends quietly when nobody reads on', async () => {
    const child = spawn(process.execPath, [bin, 'redact'], { stdio: 'pipe' })
    let told = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (told += text))
    child.stdin.on('error', () => undefined)
    const more = () => {
      while (
        !child.stdin.destroyed &&
        child.stdin.write(jsonl(...Array.from({ length: 500 }, (_, i) => good(i))))
      );
    }
    child.stdin.on('drain', more)
    more()
    await once(child.stdout, 'data')
    child.stdout.destroy()
    expect(await once(child, 'close')).toEqual([0, null])
    expect(told).toBe('')
  }, 30_000)

  test.for([1, 10_000])('of %d lines that cannot be written is a fault that is said', async (count) => {
    using files = folder({ 'in.jsonl': jsonl(...Array.from({ length: count }, (_, i) => good(i))) })
    const full = openSync('/dev/full', 'w')
    const child = spawn(process.execPath, [bin, 'redact', files.path('in.jsonl')], {
      stdio: ['ignore', full, 'pipe'],
    })
    const told = await textOf(child.stderr as Readable)
    closeSync(full)
    expect(told).toContain('the output cannot be written: ENOSPC')
    expect(child.exitCode ?? ((await once(child, 'exit')) as [number])[0]).toBe(2)
  })
})
