// The command line at a real server, from nothing to a protected call: a client is connected, its policy changed under
// version control, what it did is read in the record, and all is taken back.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startProduct, type Product } from './product.ts'

const bin = join(import.meta.dirname, '../../cli/bin/mcpshield.js')
let product: Product
let home: string

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'mcpshield-cli-home-'))
  mkdirSync(join(home, '.cursor'))
  product = await startProduct(21_070)
  const { email, password } = product.demo.account
  const login = ['login', '--api', product.stack.api, '--email', email, '--password-stdin']
  expect(await cli(login, password)).toMatchObject({ code: 0 })
})
afterAll(async () => {
  rmSync(home, { recursive: true, force: true })
  await product[Symbol.asyncDispose]()
})

function start(args: string[]) {
  const env = { HOME: home, PATH: process.env.PATH, MCPSHIELD_MCP_URL: product.stack.mcp }
  const child = spawn(process.execPath, [bin, ...args], { env, cwd: home })
  const said = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text))
  return { child, said }
}

async function cli(args: string[], input = '') {
  const { child, said } = start(args)
  child.stdin.end(input)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, ...said }
}

const containing = (text: string) => expect.stringContaining(text) as string
const cursor = () =>
  JSON.parse(readFileSync(join(home, '.cursor/mcp.json'), 'utf8')) as {
    mcpServers: { mcpshield: { url: string; headers: { 'X-API-Key': string } } }
  }

/** Cursor’s own call, by what is in its file. */
async function query(sql: string): Promise<string> {
  const { url, headers } = cursor().mcpServers.mcpshield
  expect(url).toBe(product.stack.mcp)
  const client = await product.client({ key: headers['X-API-Key'], name: 'cursor' })
  try {
    return JSON.stringify(await client.callTool({ name: 'postgres__query', arguments: { sql } }))
  } finally {
    await client.close()
  }
}

test('a client is connected, protected, watched, and taken back', async () => {
  expect(await cli(['projects', 'list'])).toMatchObject({ code: 0, stdout: containing('Demo') })
  // Its plan has one project, and there is one.
  expect(await cli(['projects', 'create', 'Another'])).toMatchObject({ code: 1 })

  const began = performance.now()
  expect(await cli(['connect', 'cursor', '--yes'])).toMatchObject({ code: 0, stderr: '' })
  expect(await query('select id from public.orders')).not.toContain('isError":true')
  expect(await query('select * from hr.salaries')).toContain('no-salaries')
  console.log(`from connect to an allowed and a denied call: ${Math.round(performance.now() - began)} ms`)
  expect(await cli(['connect', 'cursor'])).toMatchObject({ code: 0, stdout: containing('connected already') })
  expect(await cli(['keys', 'list'])).toMatchObject({ code: 0, stdout: containing('Cursor on ') })
  expect(await cli(['doctor'])).toMatchObject({ code: 0, stdout: containing('Nothing is wrong.') })

  await expect
    .poll(async () => (await cli(['logs', '--agent', 'cursor', '--decision', 'deny'])).stdout)
    .toContain('no-salaries')
  const following = start(['logs', '--follow', '--json', '--limit', '1', '--tool', 'postgres.*'])
  await expect.poll(() => following.said.stdout).toContain('"id"')

  await changePolicy()
  expect(await query('select id from public.orders')).toContain('nobody-reads-orders')
  await expect.poll(() => following.said.stdout).toContain('"rule":"nobody-reads-orders"')
  following.child.kill()

  expect(await cli(['connect', '--undo'])).toMatchObject({
    code: 0,
    stdout: containing('Its key is revoked.'),
  })
  expect(() => cursor()).toThrow('ENOENT')
  expect((await cli(['keys', 'list'])).stdout).not.toContain('Cursor on ')
})

/** Pulled, changed and pushed; a second one who pulled the same has to look at it first. */
async function changePolicy(): Promise<void> {
  expect(await cli(['policy', 'pull'])).toMatchObject({ code: 0 })
  const file = join(home, 'policy.yaml')
  const before = readFileSync(file, 'utf8')
  const kept = readFileSync(`${file}.mcpshield.json`, 'utf8')
  const rule =
    'rules:\n  - { id: nobody-reads-orders, tool: postgres.query, decision: deny, conditions: { resources: [public.orders] } }\n'
  writeFileSync(file, before.replace('rules:\n', 'rules:\n  - mistake\n'))
  expect(await cli(['policy', 'push'])).toMatchObject({ code: 1, stdout: containing('error') })
  // The policy tests itself that orders may be read.
  const changed = before.replace('rules:\n', rule).replace(/\ntests:[^]*/, '\n')
  writeFileSync(file, changed)
  expect(await cli(['policy', 'diff'])).toMatchObject({
    code: 1,
    stdout: containing('+  - { id: nobody-reads'),
  })
  expect(await cli(['policy', 'push', '--note', 'No orders.'])).toMatchObject({
    code: 0,
    stdout: containing('Saved as'),
  })
  expect(await cli(['policy', 'history'])).toMatchObject({ code: 0, stdout: containing('No orders.') })

  writeFileSync(`${file}.mcpshield.json`, kept)
  writeFileSync(file, `${before}# of a colleague\n`)
  expect(await cli(['policy', 'push'])).toMatchObject({ code: 1, stderr: containing('nobody-reads-orders') })
  await expect.poll(() => query('select id from public.orders')).toContain('nobody-reads-orders')
}
