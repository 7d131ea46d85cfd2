import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { requirementsOf, REVISIONS, SCORED } from '../conformance/requirements.ts'
import { runSuite } from '../conformance/suite.ts'
import { connectClient } from './fixture-client.ts'
import { startFixture } from './fixture-server.ts'

// The suite waits for what must not come, and a machine may have much else to do.
vi.setConfig({ testTimeout: 120_000 })

describe('the official suite', () => {
  test.for(REVISIONS)(
    '%s passes without a warning, what is not scored included',

    async (revision) => {
      await using fixture = await startFixture()
      const results = await runSuite(revision, { leg: 'server', url: fixture.url })
      expect(results.filter(({ passed, warnings }) => !passed || warnings.length > 0)).toEqual([])
      expect(results.filter(({ notScored }) => notScored === undefined)).toHaveLength(SCORED[revision].server)
    },
  )

  test('a server that is not there passes nothing', async () => {
    const results = await runSuite('2025-11-25', { leg: 'server', url: 'http://127.0.0.1:9/mcp' })
    expect(results.filter(({ passed }) => passed)).toEqual([])
    expect(results.length).toBeGreaterThanOrEqual(SCORED['2025-11-25'].server)
  })

  test.for(REVISIONS)('%s has the number of scenarios that its name promises', (revision) => {
    expect(requirementsOf(revision, 'server').scored).toHaveLength(SCORED[revision].server)
    expect(requirementsOf(revision, 'client').scored).toHaveLength(SCORED[revision].client)
  })
})

describe('what reached the fixture', () => {
  test('is remembered with its headers and parameters, whatever came of it', async () => {
    await using fixture = await startFixture()
    const client = await connectClient({ url: fixture.url, headers: { 'x-mark': 'mine' } }, 'modern')
    fixture.forget()
    await client.callTool({ name: 'safe_echo', arguments: { text: 'hi' } })
    expect(fixture.calls()).toMatchObject([
      {
        http: 'POST',
        method: 'tools/call',
        params: { name: 'safe_echo', arguments: { text: 'hi' } },
        headers: { 'x-mark': 'mine', 'mcp-name': 'safe_echo' },
      },
    ])
    fixture.forget()
    const foreign = await fetch(fixture.url, {
      method: 'POST',
      headers: { origin: 'http://evil.example' },
      body: '{',
    })
    expect(foreign.status).toBe(403)
    expect(fixture.calls()).toMatchObject([{ http: 'POST', body: '{' }])
    expect(fixture.calls()[0]).not.toHaveProperty('method')
    await client.close()
  })

  test('over stdio is in the file that was named', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mcpshield-fixture-'))
    const file = join(folder, 'received.jsonl')
    const client = await connectClient({ stdio: ['--record', file] }, 'legacy')
    await client.callTool({ name: 'safe_echo', arguments: { text: 'hi' } })
    await client.close()
    const methods = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { method: string }).method)
    expect(methods).toEqual(['initialize', 'notifications/initialized', 'tools/call'])
    rmSync(folder, { recursive: true })
  })

  test('lists come in pages where they are to', async () => {
    await using fixture = await startFixture({ pageSize: 20 })
    const client = await connectClient({ url: fixture.url }, 'legacy')
    expect((await client.listTools({ cursor: '0' })).tools).toHaveLength(20)
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual([...fixture.world.tools.keys()])
    await client.close()
  })
})
