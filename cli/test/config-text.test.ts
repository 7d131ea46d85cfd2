// One entry more or less in a configuration that people wrote by hand.
import { describe, expect, test } from 'vitest'
import type { Format } from '../src/clients/client.ts'
import { CannotEdit, contentOf, withEntry, withoutEntry } from '../src/clients/config-text.ts'

const entry = { url: 'https://gateway.example/mcp', headers: { 'X-API-Key': 'mcps_k' } }
const json = (text: string) => withEntry('json', text, ['mcpServers', 'mcpshield'], entry)
const yaml = (text: string) => withEntry('yaml', text, ['extensions', 'mcpshield'], entry)
const toml = (text: string) => withEntry('toml', text, ['mcp_servers', 'mcpshield'], entry)
const AS_JSON = '"mcpshield": {"url":"https://gateway.example/mcp","headers":{"X-API-Key":"mcps_k"}}'

describe('JSON', () => {
  test('is made where there was none, and put into what is empty', () => {
    for (const text of [
      '',
      '{}',
      '{ }',
      '{\n}\n',
      '{"mcpServers":{}}',
      '{"mcpServers":null}',
      '// nothing yet\n',
    ])
      expect(contentOf('json', json(text)), text).toEqual({ mcpServers: { mcpshield: entry } })
  })

  test('keeps comments, trailing commas, tabs and what is beside', () => {
    const text = [
      '// of mine',
      '{',
      '\t"theme": "dark", // nice',
      '\t"mcpServers": {',
      '\t\t/* the first */',
      '\t\t"files": { "command": "npx" }, // keep',
      '\t\t// and no more',
      '\t},',
      '}',
      '',
    ]
    const ours = JSON.stringify({ mcpshield: entry }, null, '\t').split('\n').slice(1, -1)
    const put = ours.map((line, at) => `\t${line}${at === ours.length - 1 ? ',' : ''}`)
    expect(json(text.join('\n')).split('\n')).toEqual([...text.slice(0, 6), ...put, ...text.slice(6)])
  })

  test('stays on one line where it was, and with the line ends it had', () => {
    expect(json('{"a":1,"mcpServers":{"files":{}}}')).toBe(`{"a":1,"mcpServers":{"files":{}, ${AS_JSON}}}`)
    const crlf = json('{\r\n    "a": 1\r\n}\r\n')
    expect(crlf.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
    expect(crlf).toContain('\r\n    "mcpServers": {\r\n        "mcpshield": {')
  })

  test('keeps the mark at its beginning', () => {
    expect(json('\ufeff{"a":1}')).toMatch(/^\ufeff\{"a":1, "mcpServers"/)
  })

  test('replaces an entry of the name, and nothing beside it', () => {
    const text =
      '{\n  "mcpServers": {\n    "mcpshield": { "command": "old" }, // ours\n    "files": {}\n  }\n}\n'
    const after = json(text)
    expect(after).toContain('  }, // ours\n    "files": {}\n  }\n}\n'.slice(2))
    expect(contentOf('json', after)).toEqual({ mcpServers: { mcpshield: entry, files: {} } })
    expect(json(after)).toBe(after)
  })

  test.for([
    ['a list is', '[]'],
    ['a list is in the place of the servers', '{"mcpServers":[]}'],
    ['a text is in the place of the servers', '{"mcpServers":"x"}'],
    ['a key stands twice', '{"mcpServers":{},"mcpServers":{"a":1}}'],
    ['it is no JSON', '{"mcpServers":{'],
    ['it is YAML', 'mcpServers: {}'],
  ] as const)('is left alone where %s', ([, text]) => {
    expect(() => json(text)).toThrow(CannotEdit)
  })
})

describe('YAML', () => {
  const goose = [
    'GOOSE_MODEL: x # mine',
    'extensions: # the tools',
    '  # built in',
    '  developer:',
    '    enabled: true',
    '    cmd: "a: b"',
    '',
    '# the end',
    'other: |',
    '  extensions:',
    '    no: 1',
    '',
  ]
  const ours = [
    '  mcpshield:',
    '    url: https://gateway.example/mcp',
    '    headers:',
    '      X-API-Key: mcps_k',
  ]

  test('gets lines of its own, and every other line stays', () => {
    expect(yaml(goose.join('\n')).split('\n')).toEqual([...goose.slice(0, 2), ...ours, ...goose.slice(2)])
    const wide = ['extensions:', '    developer:', '        enabled: true', '']
    expect(yaml(wide.join('\n')).split('\n').slice(0, 2)).toEqual(['extensions:', '    mcpshield:'])
  })

  test('is made where there was none, and put into what is empty', () => {
    for (const text of [
      '',
      '# only words\n',
      'extensions:\n',
      'extensions: {}\n',
      'extensions: {} # none\n',
      'extensions: null',
    ])
      expect(contentOf('yaml', yaml(text)), text).toEqual({ extensions: { mcpshield: entry } })
    expect(contentOf('yaml', yaml('a: 1'))).toEqual({ a: 1, extensions: { mcpshield: entry } })
  })

  test('replaces an entry of the name, and nothing beside it', () => {
    const once = yaml(goose.join('\n'))
    expect(yaml(once)).toBe(once)
    const changed = once.replace('gateway.example', 'elsewhere.example')
    expect(yaml(changed)).toBe(once)
  })

  test.for([
    ['it is written on one line', 'extensions: { a: 1 }'],
    ['it is one line as a whole', '{ extensions: }'],
    ['a list is there', 'extensions:\n  - a\n'],
    ['it is no YAML', 'a: [1\n'],
    ['a key stands twice', 'extensions:\n  a: 1\nextensions:\n  b: 1\n'],
  ] as const)('is left alone where %s', ([, text]) => {
    expect(() => yaml(text)).toThrow(CannotEdit)
  })
})

describe('TOML', () => {
  const codex = [
    'model = "x" # mine',
    '',
    '[mcp_servers.files] # local',
    'command = "npx"',
    '',
    '# the next',
    '[profiles.a]',
    'model = """',
    '[mcp_servers.mcpshield]',
    '"""',
    '',
  ]
  const ours = [
    '[mcp_servers.mcpshield]',
    'url = "https://gateway.example/mcp"',
    'headers = { "X-API-Key" = "mcps_k" }',
  ]
  const plain = codex.slice(0, 7)

  test('gets a table of its own at the end, and every other line stays', () => {
    const text = [...plain, ''].join('\n')
    expect(toml(text).split('\n')).toEqual([...plain, '', ...ours, ''])
    expect(contentOf('toml', toml(''))).toEqual({ mcp_servers: { mcpshield: entry } })
  })

  test('replaces a table of the name with what is below it, and nothing beside it', () => {
    const old = [
      '[mcp_servers."mcpshield"]',
      'command = "old"',
      '',
      '[mcp_servers.mcpshield.env]',
      'A = "1"',
      '',
    ]
    const text = [...plain.slice(0, 5), ...old, ...plain.slice(5), ''].join('\n')
    expect(toml(text).split('\n')).toEqual([...plain.slice(0, 5), ...ours, '', ...plain.slice(5), ''])
    expect(toml(toml(text))).toBe(toml(text))
  })

  test.for([
    ['a text looks like the table', codex.join('\n')],
    ['the servers are on one line', 'mcp_servers = { files = { command = "npx" } }'],
    ['its members are written with dots', 'mcp_servers.mcpshield.command = "x"'],
    ['it is no TOML', 'model = '],
  ] as const)('is left alone where %s', ([, text]) => {
    expect(() => toml(text)).toThrow(CannotEdit)
  })
})

describe('without the entry', () => {
  test.for<[Format, string[], string]>([
    [
      'json',
      ['mcpServers', 'mcpshield'],
      '{\n  // mine\n  "mcpServers": {\n    "files": {} // keep\n  }\n}\n',
    ],
    ['yaml', ['extensions', 'mcpshield'], 'a: 1\nextensions:\n  # keep\n  files:\n    b: 1\n# end\n'],
    ['toml', ['mcp_servers', 'mcpshield'], 'a = 1 # keep\n\n[mcp_servers.files]\ncommand = "npx"\n'],
  ])('%s is what it was before', ([format, path, text]) => {
    expect(withoutEntry(format, withEntry(format, text, path, entry), path)).toBe(text)
    expect(withoutEntry(format, text, path)).toBe(text)
  })

  test('JSON is without the entry wherever it stands, and with every comment', () => {
    const path = ['mcpServers', 'mcpshield']
    const first = '{\n  "mcpServers": {\n    "mcpshield": {} /* a */, // b\n    "files": {}\n  }\n}\n'
    expect(withoutEntry('json', first, path)).toBe(
      '{\n  "mcpServers": {/* a */ // b\n    "files": {}\n  }\n}\n',
    )
    expect(withoutEntry('json', '{"mcpServers":{"mcpshield":{}, "files":{}}}', path)).toBe(
      '{"mcpServers":{"files":{}}}',
    )
    expect(withoutEntry('json', '{"mcpServers":{"mcpshield":{}}}', path)).toBe('{"mcpServers":{}}')
  })

  test('YAML with nothing else in the list can still be read', () => {
    const path = ['extensions', 'mcpshield']
    const without = withoutEntry('yaml', withEntry('yaml', 'a: 1\n', path, entry), path)
    expect(contentOf('yaml', without)).toEqual({ a: 1, extensions: {} })
  })
})
