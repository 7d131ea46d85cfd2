// Files on a real tree: what a path names, what is opened, and what stays out of reach.
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:net'
import {
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  chmodSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Connector, Grant } from '../src/connectors/connector.ts'
import { BY_DESCRIPTOR, BY_NAME, type Ways } from '../src/connectors/filesystem-open.ts'
import { filesystemConnector } from '../src/connectors/filesystem.ts'
import type { ArgsOf } from '../src/connectors/tools.ts'
import { redactConnectorAnswer } from '../src/redaction.ts'
import { makeTree, type MadeTree } from './filesystem-tree.ts'
import { makeGrant } from './grant.ts'

let tree: MadeTree
beforeEach(() => {
  tree = makeTree()
})
afterEach(() => tree[Symbol.dispose]())

const connect = (root: string, ways?: Ways): Connector =>
  filesystemConnector({ name: 'test', kind: 'files', url: null, path: root, options: {} }, ways)

/** What a policy that allows the tree but for `denied` would say. */
const allowsBelow =
  (root: string): Grant['alsoAllows'] =>
  (touched) =>
    'paths' in touched &&
    touched.paths.every(
      (path) => (path === root || path.startsWith(`${root}/`)) && !`${path}/`.startsWith(`${root}/denied/`),
    )
const grantFor = (path: string, change: Partial<Grant> = {}) =>
  makeGrant({ paths: [path], readOnly: false, alsoAllows: allowsBelow(tree.root), ...change })

const read = (
  path: string,
  change?: Partial<Grant>,
  part: Partial<ArgsOf<'filesystem.read'>> = {},
  ways?: Ways,
) => connect(tree.root, ways).run('filesystem.read', { path, ...part }, grantFor(path, change))
const inRoot = (name: string) => join(tree.root, name)
const textOf = async (name: string, ways?: Ways) => (await read(inRoot(name), {}, {}, ways)).data.text
const write = (name: string, content: string, mode?: 'create' | 'replace' | 'append', ways?: Ways) =>
  connect(tree.root, ways).run(
    'filesystem.write',
    { path: inRoot(name), content, ...(mode === undefined ? {} : { mode }) },
    grantFor(inRoot(name)),
  )

describe.for([
  ['by descriptor', BY_DESCRIPTOR],
  ['by name', BY_NAME],
] as const)('names that are looked up %s', ([, ways]) => {
  test.for([
    ['a.txt', 'inside a\n'],
    ['.env', 'dotted\n'],
    ['..hidden', 'inside\n'],
    ['back\\slash.txt', 'inside\n'],
    ['ünï 日本.txt', 'grüße 日本\n'],
    ['sub/deep/c.txt', 'inside c\n'],
    ['link_in/b.txt', 'inside b\nsecond line\n'],
    ['link_abs_in/b.txt', 'inside b\nsecond line\n'],
    ['link_file_in', 'inside b\nsecond line\n'],
    ['link_round', 'inside a\n'],
    ['link_up_down', 'inside b\nsecond line\n'],
    ['hardlink_out', 'outside\n'],
  ] as const)('%s is read', async ([name, text]) => {
    expect(await textOf(name, ways)).toBe(text)
  })

  test.for([
    'link_out/s.txt',
    'link_abs_out/s.txt',
    'link_file_out',
    'link_chain/s.txt',
    'link_up',
    'link_up/secret/s.txt',
    'link_proc',
    'link_proc/package.json',
    'link_by_alias/b.txt',
    'dangling_out',
    'link_denied',
    'sub/link_rest/d.txt',
    'loop',
  ])('%s leads out, or to what is denied, and is refused without a word about where', async (name) => {
    const error = await read(inRoot(name), {}, {}, ways).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ code: expect.stringMatching(/PERMISSION_DENIED|INVALID_ARGUMENT/) })
    expect((error as Error).message).not.toMatch(/secret|outside|denied\b.*d\.txt|proc/)
  })

  test('a new file is written, also through a link that leads to none yet', async () => {
    await write('new.txt', 'made', 'create', ways)
    await write('dangling_in', 'made', 'create', ways)
    expect(readFileSync(inRoot('new.txt'), 'utf8')).toBe('made')
    expect(readFileSync(inRoot('new_inside.txt'), 'utf8')).toBe('made')
  })

  test.for(['dangling_out', 'link_out/new.txt', 'link_abs_out/new.txt', 'link_up/new.txt', 'link_denied'])(
    'nothing is written through %s',
    async (name) => {
      const before = everyFile(tree.base)
      for (const mode of ['create', 'replace', 'append'] as const)
        await expect(write(name, 'x', mode, ways)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
      expect(everyFile(tree.base)).toEqual(before)
    },
  )
})

describe('a path', () => {
  test.for(['/etc/passwd', '/proc/self/root/etc/passwd', 'safe-evil/a.txt', ''])(
    'that is not below the root is refused, whatever was decided: %s',
    async (path) => {
      const outside = path.startsWith('/') ? path : join(tree.base, path)
      await expect(read(outside, { alsoAllows: () => true })).rejects.toMatchObject({
        code: 'PERMISSION_DENIED',
      })
    },
  )

  test('below a root that is a link is what stands in the folder behind it, under the name as written', async () => {
    const alias = join(tree.base, 'alias')
    const grant = (path: string) => grantFor(path, { alsoAllows: allowsBelow(alias) })
    const through = async (name: string) =>
      connect(alias).run('filesystem.read', { path: name }, grant(join(alias, name)))
    expect((await through('a.txt')).about.path).toBe(join(alias, 'a.txt'))
    expect((await through('link_in/b.txt')).about.path).toBe(join(alias, 'sub/b.txt'))
    expect((await through('link_by_alias/b.txt')).data.text).toContain('inside b')
    await expect(through('link_out/s.txt')).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
  })

  test.for(['/proc/self/environ', '/proc/1/cmdline', '/sys/kernel/notes', '/dev/null', '/dev/zero'])(
    'to the system’s own state is refused even below the root /: %s',
    async (path) => {
      const all = connect('/').run('filesystem.read', { path }, makeGrant({ paths: [path] }))
      await expect(all).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    },
  )

  test('with a NUL, or with a name that is too long, is refused', async () => {
    await expect(read(inRoot('a.txt\0.png'))).rejects.toThrow()
    await expect(read(inRoot('d'.repeat(300)))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(read(inRoot('d/'.repeat(2_000)))).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(read(inRoot('a.txt/b'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(read(inRoot('none.txt'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test.for(['read', 'list', 'search', 'write'] as const)(
    'to a FIFO or a socket does not hang: %s',
    async (verb) => {
      const socket = createServer().listen(inRoot('socket'))
      for (const name of ['fifo', 'socket']) {
        const path = inRoot(name)
        const args = {
          read: { path },
          list: { path },
          search: { path, name: '*' },
          write: { path, content: '', mode: 'append' as const },
        }
        await expect(
          connect(tree.root).run(`filesystem.${verb}`, args[verb], grantFor(path)),
        ).rejects.toMatchObject({
          code: 'INVALID_ARGUMENT',
        })
      }
      socket.close()
    },
  )

  test('that the decision does not name alone is not guessed at', async () => {
    const run = (paths: string[]) =>
      connect(tree.root).run('filesystem.read', { path: 'a.txt' }, makeGrant({ paths }))
    await expect(run([])).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
    await expect(run([inRoot('a.txt'), inRoot('.env')])).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
  })
})

describe('reading', () => {
  test('shows text as text, and says how much there is', async () => {
    expect(await read(inRoot('a.txt'))).toEqual({
      data: { text: 'inside a\n' },
      about: { path: inRoot('a.txt'), size_bytes: 9 },
      shown: 'text',
      rows: null,
      cut: false,
    })
  })

  test('shows what is no text as base64, and withholds it where results are redacted', async () => {
    expect((await read(inRoot('binary.bin'))).data).toEqual({ base64: '//4AAQKA' })
    expect((await read(inRoot('binary.bin'), { redacts: true })).data).toEqual({
      base64: '[withheld:redaction_not_possible]',
    })
  })

  test('withholds a text that is no document where fields are redacted', async () => {
    writeFileSync(inRoot('d.json'), '{"email":"x"}')
    const fields = { redacts: true, needsSources: true }
    expect((await read(inRoot('a.txt'), fields)).data.text).toBe('[withheld:redaction_not_possible]')
    expect((await read(inRoot('d.json'), fields)).data.text).toBe('{"email":"x"}')
  })

  test('shows no field that another of its name hides from a reader of the document', async () => {
    writeFileSync(inRoot('twice.json'), '{"customer":{"phone":"555"},"customer":null}')
    const answer = await read(inRoot('twice.json'), { redacts: true, needsSources: true })
    const shown = redactConnectorAnswer(answer, [{ fields: ['*.phone'], with: 'mask' }], () => '')
    expect(shown.answer.data.text).toBe('{"customer":null}')
  })

  test('goes through a large file in parts, none of which splits a character', async () => {
    const whole = 'añb日c𝒳\n'.repeat(500)
    writeFileSync(inRoot('large.txt'), whole)
    let text = ''
    let offset: number | undefined = 0
    while (offset !== undefined) {
      const part = await read(inRoot('large.txt'), { maxBytes: 101 }, { offset_bytes: offset })
      text += part.data.text as string
      expect(part.cut).toBe(part.about.next_offset_bytes !== undefined)
      offset = part.about.next_offset_bytes as number | undefined
    }
    expect(text).toBe(whole)
    const inside = await read(inRoot('large.txt'), {}, { offset_bytes: 2, length_bytes: 5 })
    expect(inside).toMatchObject({
      data: { text: 'b日' },
      about: { offset_bytes: 3, next_offset_bytes: 7 },
      cut: false,
    })
  })

  test('of a file larger than memory takes no more than the cap', async () => {
    writeFileSync(inRoot('huge.txt'), '')
    truncateSync(inRoot('huge.txt'), 100 * 1024 ** 3)
    const beforeBytes = process.memoryUsage().rss
    const huge = await read(inRoot('huge.txt'), { maxBytes: 1_000_000 })
    expect(huge).toMatchObject({ cut: true, about: { size_bytes: 100 * 1024 ** 3 } })
    expect(process.memoryUsage().rss - beforeBytes).toBeLessThan(60 * 1024 * 1024)
  })

  test('where results are redacted never begins or ends inside of a line', async () => {
    writeFileSync(inRoot('log.txt'), `first line\nkey sk_live_${'x'.repeat(40)}\n`)
    const redacted = { redacts: true, maxBytes: 30 }
    expect(await read(inRoot('log.txt'), redacted)).toMatchObject({
      data: { text: 'first line\n' },
      cut: true,
    })
    for (const part of [{ offset_bytes: 20 }, { length_bytes: 20 }])
      await expect(read(inRoot('log.txt'), redacted, part)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
      })
  })

  test('of a folder says how a folder is read', async () => {
    await expect(read(inRoot('sub'))).rejects.toThrow('filesystem.list')
  })
})

describe('writing', () => {
  test('makes a file only where there is none', async () => {
    expect((await write('made.txt', 'é')).about).toEqual({
      path: inRoot('made.txt'),
      written_bytes: 2,
      size_bytes: 2,
    })
    for (const name of ['made.txt', 'sub', 'fifo', 'link_file_in'])
      await expect(write(name, 'x')).rejects.toMatchObject({
        code: expect.stringMatching(/CONFLICT|INVALID_ARGUMENT/),
      })
    await expect(write('none/made.txt', 'x')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(readFileSync(inRoot('made.txt'), 'utf8')).toBe('é')
  })

  test('replaces a file as a whole, keeps its rights, and leaves nothing else behind', async () => {
    chmodSync(inRoot('a.txt'), 0o4640)
    const names = readdirSync(tree.root).toSorted()
    await write('a.txt', 'other', 'replace')
    expect(readFileSync(inRoot('a.txt'), 'utf8')).toBe('other')
    expect(statSync(inRoot('a.txt')).mode & 0o7777).toBe(0o640)
    expect(readdirSync(tree.root).toSorted()).toEqual(names)
    await write('link_file_in', 'by link', 'replace')
    expect(readFileSync(inRoot('sub/b.txt'), 'utf8')).toBe('by link')
    await expect(write('none.txt', 'x', 'replace')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('appends to a file that is there', async () => {
    expect((await write('a.txt', 'more', 'append')).about.size_bytes).toBe(13)
    expect(readFileSync(inRoot('a.txt'), 'utf8')).toBe('inside a\nmore')
    await expect(write('none.txt', 'x', 'append')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test.for(['replace', 'append'] as const)(
    'never changes a file that has a second name: %s',
    async (mode) => {
      await expect(write('hardlink_out', 'x', mode)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
      expect(readFileSync(join(tree.base, 'secret/s.txt'), 'utf8')).toBe('outside\n')
    },
  )

  test('of what is no text, or too much, is refused', async () => {
    await expect(write('made.txt', '\ud800')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(write('made.txt', 'x'.repeat(17 * 1024 * 1024))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
    expect(readdirSync(tree.root)).not.toContain('made.txt')
  })
})

describe('listing and searching', () => {
  const list = (name: string, depth?: number, change?: Partial<Grant>) =>
    connect(tree.root).run(
      'filesystem.list',
      { path: inRoot(name), ...(depth === undefined ? {} : { depth }) },
      grantFor(inRoot(name).replace(/\/$/, ''), change),
    )
  const search = (args: Partial<ArgsOf<'filesystem.search'>>, change?: Partial<Grant>) =>
    connect(tree.root).run('filesystem.search', { path: tree.root, ...args }, grantFor(tree.root, change))
  const shown = (rows: unknown) =>
    (rows as { path: string }[]).map(({ path }) => path.slice(tree.root.length + 1))

  test('tells names, types, sizes and times of one folder', async () => {
    const { data, about } = await list('sub')
    expect(data.entries).toEqual([
      { path: inRoot('sub/b.txt'), type: 'file', size_bytes: 21, modified_at: expect.stringMatching(/Z$/) },
      { path: inRoot('sub/deep'), type: 'folder', modified_at: expect.any(String) },
      { path: inRoot('sub/link_rest'), type: 'link', modified_at: expect.any(String) },
    ])
    expect(about).toEqual({ path: inRoot('sub'), entry_count: 3 })
  })

  test('shows links and follows none; what is denied is not there', async () => {
    const { data } = await list('', 16)
    const names = shown(data.entries)
    expect(names).toEqual(
      expect.arrayContaining(['.env', 'link_out', 'fifo', 'sub/deep/c.txt', 'hardlink_out']),
    )
    expect(names.filter((name) => /^(link\w*|loop|dangling\w*)\//.test(name))).toEqual([])
    expect(names.filter((name) => name.startsWith('denied'))).toEqual([])
    expect(JSON.stringify(data)).not.toMatch(/secret|s\.txt/)
  })

  test('goes as deep as it was asked to', async () => {
    expect(shown((await list('', 2)).data.entries)).toContain('sub/deep')
    expect(shown((await list('', 2)).data.entries)).not.toContain('sub/deep/c.txt')
  })

  test('is cut by rows, bytes and time, and says so', async () => {
    expect(await list('', 16, { maxRows: 3 })).toMatchObject({ rows: 3, cut: true })
    expect((await list('', 16, { maxBytes: 300 })).cut).toBe(true)
    expect((await list('sub', 16, { maxRows: 4 })).cut).toBe(false)
    await expect(list('a.txt')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('stops when the client goes away', async () => {
    await expect(list('', 16, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  test('finds files by a glob over names', async () => {
    expect(shown((await search({ name: '?.txt' })).data.matches)).toEqual([
      'a.txt',
      'sub/b.txt',
      'sub/deep/c.txt',
    ])
    expect(shown((await search({ name: '.*' })).data.matches)).toEqual(['..hidden', '.env'])
    await expect(search({})).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })

  test('finds lines by text, with their numbers, and in no file that is denied, linked or binary', async () => {
    writeFileSync(inRoot('binary.txt'), 'inside\0inside')
    const { data } = await search({ text: 'line' })
    expect(data.matches).toEqual([{ path: inRoot('sub/b.txt'), line: 2, text: 'second line' }])
    expect(shown((await search({ text: 'inside', name: '*.txt' })).data.matches)).toEqual([
      'a.txt',
      'back\\slash.txt',
      'sub/b.txt',
      'sub/deep/c.txt',
    ])
    expect(shown((await search({ text: 'denied' })).data.matches)).toEqual([])
  })

  test('finds a text on the border of two portions, and in a line without an end', async () => {
    for (const at of [65_530, 65_536, 131_070])
      writeFileSync(inRoot(`${at}.txt`), `${'x'.repeat(at)}needle${'y'.repeat(90_000)}`)
    const found = shown((await search({ text: 'needle' })).data.matches)
    expect(new Set(found)).toEqual(new Set(['131070.txt', '65530.txt', '65536.txt']))
  })

  test('tells only where a line is when results are redacted', async () => {
    const { data } = await search({ text: 'second' }, { redacts: true })
    expect(data.matches).toEqual([
      { path: inRoot('sub/b.txt'), line: 2, text: '[withheld:redaction_not_possible]' },
    ])
  })

  test('of a very large folder is cut and leaves the process free', async () => {
    execFileSync('sh', ['-c', 'mkdir many && cd many && seq 1 21000 | xargs touch'], { cwd: tree.root })
    let ticks = 0
    const timer = setInterval(() => ticks++, 5)
    const { cut, rows } = await list('many', 1, { maxRows: 50_000, maxBytes: 50_000_000, timeoutMs: 20_000 })
    clearInterval(timer)
    expect({ cut, rows }).toEqual({ cut: true, rows: 20_000 })
    expect(ticks).toBeGreaterThan(20)
    expect((await list('many', 1, { maxRows: 50_000, maxBytes: 50_000_000, timeoutMs: 100 })).cut).toBe(true)
  }, 30_000)
})

test('many links in a row are followed, and more than that are not', async () => {
  for (let i = 0; i < 60; i++) symlinkSync(i === 0 ? 'a.txt' : `l${i - 1}`, inRoot(`l${i}`))
  expect(await textOf('l39')).toBe('inside a\n')
  await expect(textOf('l40')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
})

test('no file stays open behind a call, whether it works out or not', async () => {
  const open = () => readdirSync('/proc/self/fd').length
  const before = open()
  for (const name of ['a.txt', 'link_in/b.txt', 'link_out/s.txt', 'loop', 'none', 'sub/deep', 'fifo'])
    await read(inRoot(name)).catch(() => undefined)
  await write('made.txt', 'x')
  await write('a.txt', 'x', 'replace')
  await write('hardlink_out', 'x', 'replace').catch(() => undefined)
  expect(open()).toBe(before)
})

/** Every file of a tree with what it holds; links are not followed. */
function everyFile(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { withFileTypes: true })
  const parts = entries.map((entry): Record<string, string> => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return everyFile(path)
    return { [path]: entry.isFile() ? readFileSync(path, 'latin1') : 'no file' }
  })
  return Object.assign({}, ...parts) as Record<string, string>
}
