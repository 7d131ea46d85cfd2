// The command line at a real server: somebody logs in, looks at a held call, lets it run, and logs out.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { httpOf } from './http.ts'
import { send } from './people.ts'
import { startProduct, type Product } from './product.ts'
import { createTenant, type Tenant } from './tenants.ts'

const bin = join(import.meta.dirname, '../../cli/bin/mcpshield.js')
let product: Product
let tenant: Tenant
let home: string

beforeAll(async () => {
  Object.assign(process.env, { TRUST_PROXY: 'loopback' })
  home = mkdtempSync(join(tmpdir(), 'mcpshield-cli-home-'))
  product = await startProduct(21_050)
  tenant = await createTenant(product.stack, httpOf(product.stack.api))
})
afterAll(async () => {
  rmSync(home, { recursive: true, force: true })
  await product[Symbol.asyncDispose]()
})

async function cli(args: string[], input = '') {
  const child = spawn(process.execPath, [bin, ...args], { env: { XDG_CONFIG_HOME: home } })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin.end(input)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { code, stdout, stderr }
}

const login = ({ email, password }: { email: string; password: string }) =>
  cli(['login', '--api', product.stack.api, '--email', email, '--password-stdin'], password)

test('an editor logs in, approves a held call, and logs out; a viewer may only look', async () => {
  const { editor, viewer, owner, things, mark } = tenant
  const of = ['--project', things.project_id]
  expect(await login(viewer)).toMatchObject({ code: 0 })
  expect(await cli(['approvals', 'approve', things.approval_id, ...of])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('Your role here is viewer') as string,
  })
  expect((await cli(['approvals', 'list', ...of])).stdout).toContain(things.approval_id)

  expect(await login({ ...editor, password: 'not-the-password' })).toMatchObject({ code: 1, stdout: '' })
  expect(await login(editor)).toMatchObject({ code: 0, stderr: '' })
  const me = await cli(['whoami'])
  expect(me.stdout).toMatch(new RegExp(`^${editor.email} .*, editor of ${mark} organisation, at http`))
  // Over, by its clock: renewed on the way.
  const kept = join(home, 'mcpshield/login.json')
  const before = JSON.parse(readFileSync(kept, 'utf8')) as Record<string, string>
  writeFileSync(kept, JSON.stringify({ ...before, expires_at: '2020-01-01T00:00:00.000Z' }))
  const shown = await cli(['approvals', 'show', things.approval_id, ...of])
  expect(shown).toMatchObject({ code: 0, stdout: expect.stringContaining(`"path": "${mark}"`) as string })
  expect(JSON.parse(readFileSync(kept, 'utf8'))).not.toMatchObject({ refresh_token: before.refresh_token })

  const approve = ['approvals', 'approve', things.approval_id, ...of, '--note', 'Fine.']
  expect(await cli(approve)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^approved /) as string })
  expect(await cli(approve)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('approved already') as string,
  })
  const path = `/projects/${things.project_id}/approvals/${things.approval_id}`
  const http = httpOf(product.stack.api)
  expect(await send(http, owner.token, 'GET', path)).toMatchObject({
    state: 'approved',
    note: 'Fine.',
    decided_by: editor.user_id,
  })
  expect(await cli(['logout'])).toMatchObject({ code: 0 })
  expect(await cli(['approvals', 'list', ...of])).toMatchObject({ code: 2 })
})
