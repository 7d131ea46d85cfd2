// The same engine decides in the dashboard: it is bundled as a web page's and run where nothing of Node is.
import { execFile } from 'node:child_process'
import { accessSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { createContext, runInContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { rolldown } from 'rolldown'
import { beforeAll, describe, expect, test } from 'vitest'

const src = join(import.meta.dirname, '../src')
const ENTRY = `
import { compile } from '${src}/compile.ts'
import { decide } from '${src}/decide.ts'
import { policyJsonSchema } from '${src}/json-schema.ts'
import { parsePolicy } from '${src}/parse.ts'

const text = [
  'version: 1',
  'rules:',
  "  - { id: reads, tool: postgres.query, decision: allow, conditions: { operations: read, resources: 'sales.*', time: { days: mon-sun, timezone: Europe/Berlin } } }",
  "  - { id: web, tool: network.request, decision: allow, conditions: { allowed_domains: '*.example.com', parameters: { method: { pattern: 'GET|HEAD' } } } }",
].join('\\n')
const { policy, diagnostics } = parsePolicy(text)
const call = (rest) => ({ method: 'tools/call', tool: 'postgres.query', arguments: {}, paths: [], urls: [], accesses: [], ...rest })
const access = (resource) => [{ connection: 'main', operation: 'read', resource, fields: [], functions: [] }]
const time = '2026-01-07T09:00:00Z'
const compiled = compile(policy)
globalThis.answer = JSON.stringify({
  diagnostics: diagnostics.length,
  schema: policyJsonSchema().title,
  allowed: decide(compiled, call({ accesses: access('sales.orders') }), { time }),
  denied: decide(compiled, call({ accesses: access('hr.people') }), { time }).reason,
  host: decide(compiled, call({ tool: 'network.request', arguments: { method: 'GET' }, urls: [{ href: '', scheme: 'https', host: 'api.example.com', port: 443 }] }), {}).decision,
  wrong: parsePolicy('version: 1\\nrules:\\n  - { tool: a, decision: alow }').diagnostics[0],
})
`

let code = ''

beforeAll(async () => {
  const bundle = await rolldown({
    input: 'entry',
    platform: 'browser',
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === 'entry' ? '\0entry.js' : null),
        load: (id) => (id === '\0entry.js' ? ENTRY : null),
      },
    ],
  })
  const { output } = await bundle.generate({ format: 'iife', minify: true })
  code = output[0].code
}, 60_000)

function expectAnswer(answer: string): void {
  expect(JSON.parse(answer)).toMatchObject({
    diagnostics: 0,
    schema: 'MCPShield policy',
    allowed: { decision: 'allow', rule: 'reads' },
    denied: 'A read of hr.people is not covered by any allow rule.',
    host: 'allow',
    wrong: { line: 3, code: 'wrong_value', fix: 'write allow' },
  })
}

describe('the language in a browser', () => {
  test('runs where there is nothing but what the language and the web have', () => {
    const web = { URL, TextEncoder, TextDecoder }
    const context = createContext({ ...web })
    expect(runInContext('typeof process + typeof require + typeof Buffer', context)).toBe(
      'undefinedundefinedundefined',
    )
    runInContext(code, context)
    expectAnswer(String((context as { answer?: unknown }).answer))
  })

  test('takes less than 150 kB of a page', () => {
    const bytes = gzipSync(code, { level: 9 }).length
    console.log(
      `libs/policy in a browser: ${(bytes / 1_000).toFixed(0)} kB gzipped, ${(code.length / 1_000).toFixed(0)} kB plain`,
    )
    expect(bytes).toBeLessThan(150_000)
  })

  test.skipIf(chromium() === undefined)(
    'gives the same answer in Chromium',
    { timeout: 120_000 },
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'policy-'))
      try {
        const page = join(folder, 'page.html')
        writeFileSync(
          page,
          `<!doctype html><meta charset="utf-8"><p id="answer"></p><script>${code.replaceAll('</script', '<\\/script')}</script>
<script>document.getElementById('answer').textContent = encodeURIComponent(globalThis.answer)</script>`,
        )
        const flags = [
          '--headless',
          '--no-sandbox',
          '--disable-gpu',
          `--user-data-dir=${folder}/profile`,
          '--dump-dom',
        ]
        const { stdout } = await promisify(execFile)(chromium() ?? '', [...flags, `file://${page}`], {
          timeout: 100_000,
        })
        expectAnswer(decodeURIComponent(/<p id="answer">([^<]*)/.exec(stdout)?.[1] ?? ''))
      } finally {
        rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
      }
    },
  )
})

/** A browser of this machine; where there is none, the test is counted as skipped. */
function chromium(): string | undefined {
  return ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => {
    try {
      accessSync(path)
      return true
    } catch {
      return false
    }
  })
}
