import { describe, expect, test } from 'vitest'
import { changesIn, hiddenIn, settingsIn, type Upstream } from './upstream-form.ts'

const remote: Upstream = {
  id: '01a21e6a-193c-788e-8843-43fc9dda83ed',
  slug: 'github',
  transport: 'http',
  url: 'https://mcp.example.com/mcp?key=***',
  header_names: ['X-Key'],
  command: null,
  args: [],
  env_names: [],
  oauth: null,
  created_at: '2026-11-27T00:00:00.000Z',
}
const local: Upstream = {
  ...remote,
  transport: 'stdio',
  url: null,
  header_names: [],
  command: 'npx',
  args: ['-y', 'server', '--token', '[redacted]'],
  env_names: ['TOKEN'],
}

function formOf(fields: Record<string, string>, more: [string, string][] = []): FormData {
  const form = new FormData()
  for (const [name, value] of [...Object.entries(fields), ...more]) form.append(name, value)
  return form
}
const asShown = (upstream: Upstream) =>
  formOf({
    transport: upstream.transport,
    url: upstream.url ?? '',
    command: upstream.command ?? '',
    args: upstream.args.join('\n'),
    grant: upstream.oauth?.grant ?? 'none',
    client_id: upstream.oauth?.client_id ?? '',
    client_secret: '',
    scope: upstream.oauth?.scope ?? '',
  })

describe('a new server', () => {
  test('that is remote has an address and headers, and nothing of a command', () => {
    const form = formOf({ transport: 'http', url: ' https://a/mcp ', command: 'npx', args: '-y' }, [
      ['header_name', 'X-Key'],
      ['header_value', ' secret '],
      ['header_name', ''],
      ['header_value', 'lost'],
    ])
    expect(settingsIn(form)).toEqual({
      transport: 'http',
      url: 'https://a/mcp',
      headers: { 'X-Key': ' secret ' },
    })
  })

  test('that is a command has one argument a line, spaces and all', () => {
    const form = formOf({ transport: 'stdio', command: 'npx', args: '-y\r\n@scope/server\n/a folder\n' }, [
      ['env_name', 'TOKEN'],
      ['env_value', 's'],
    ])
    expect(settingsIn(form)).toEqual({
      transport: 'stdio',
      command: 'npx',
      args: ['-y', '@scope/server', '/a folder'],
      env: { TOKEN: 's' },
    })
  })

  test('behind OAuth sends what was given of its client, and no empty fields', () => {
    const form = formOf({
      transport: 'http',
      url: 'https://a/mcp',
      grant: 'authorization_code',
      scope: 'read',
    })
    expect(settingsIn(form).oauth).toEqual({ grant: 'authorization_code', scope: 'read' })
    form.set('grant', 'none')
    expect(settingsIn(form)).not.toHaveProperty('oauth')
  })
})

describe('a changed server', () => {
  test.for([['remote', remote] as const, ['local', local] as const])(
    'that is saved as it is shown (%s) changes nothing',
    ([, upstream]) => {
      expect(changesIn(asShown(upstream), upstream)).toEqual({})
    },
  )

  test('keeps headers and variables unless they are given anew', () => {
    const form = asShown(local)
    form.append('env_name', 'OTHER')
    form.append('env_value', 'x')
    expect(changesIn(form, local)).toEqual({})
    form.append('replace_env', 'on')
    expect(changesIn(form, local)).toEqual({ env: { OTHER: 'x' } })
  })

  test('that had no headers takes the first ones without being told to replace them', () => {
    const form = asShown({ ...remote, header_names: [] })
    form.append('header_name', 'X-Key')
    form.append('header_value', 'k')
    expect(changesIn(form, { ...remote, header_names: [] })).toEqual({ headers: { 'X-Key': 'k' } })
  })

  test('that becomes another kind starts from nothing', () => {
    const form = asShown(remote)
    form.set('transport', 'stdio')
    form.set('command', 'npx')
    expect(changesIn(form, remote)).toEqual({ transport: 'stdio', command: 'npx', args: [], env: {} })
  })

  test('never sends back what hides a secret', () => {
    const form = asShown(local)
    form.set('args', `${local.args.join('\n')}\n--verbose`)
    expect(hiddenIn(changesIn(form, local))).toHaveProperty('args')
    form.set('args', '-y\nserver')
    expect(hiddenIn(changesIn(form, local))).toEqual({})
    const moved = asShown(remote)
    moved.set('url', 'https://other.example/mcp?key=***')
    expect(hiddenIn(changesIn(moved, remote))).toHaveProperty('url')
  })

  test('keeps its authorisation unless something of it is otherwise', () => {
    const oauth = {
      grant: 'authorization_code',
      client_id: 'me',
      scope: null,
      state: 'authorized',
      expires_at: null,
    } as const
    const upstream = { ...remote, oauth }
    expect(changesIn(asShown(upstream), upstream)).toEqual({})
    const scoped = asShown(upstream)
    scoped.set('scope', 'read')
    expect(changesIn(scoped, upstream)).toEqual({
      oauth: { grant: 'authorization_code', client_id: 'me', scope: 'read' },
    })
    const without = asShown(upstream)
    without.set('grant', 'none')
    expect(changesIn(without, upstream)).toEqual({ oauth: null })
  })
})
