// One person's first day to their last, in the browser, with a real MCP client at the other end.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Browser } from '@playwright/test'
import { afterAll, beforeAll, test } from 'vitest'
import { expect, mailedCode, openBrowser, openPage, until, world } from './browser.ts'
import { visit } from './visit.ts'

const PASSWORD = 'orange-kettle-walks-27'
const policyFor = (folder: string) => `version: 1
defualt: deny
rules:
  - id: secrets-by-hand
    tool: "filesystem.read"
    decision: ask
    conditions: { path_prefix: "${join(folder, 'secret.txt')}" }
    timeout: 10m
  - id: files
    tool: "filesystem.read"
    decision: allow
    conditions: { path_prefix: "${folder}/" }
`

let browser: Browser
let folder: string

beforeAll(async () => {
  browser = await openBrowser()
  folder = mkdtempSync(join(tmpdir(), 'mcpshield-journey-'))
  writeFileSync(join(folder, 'welcome.txt'), 'Welcome aboard')
  writeFileSync(join(folder, 'secret.txt'), 'The word is swordfish')
})
afterAll(async () => {
  await browser?.close()
  rmSync(folder, { recursive: true, force: true })
})

async function connect(key: string): Promise<Client> {
  const client = new Client({ name: 'journey-agent', version: '1' })
  const requestInit = { headers: { 'x-api-key': key } }
  await client.connect(new StreamableHTTPClientTransport(new URL(`${world().mcp}/mcp`), { requestInit }))
  return client
}

test('from signing up to deleting the account', { timeout: 180_000 }, async () => {
  const page = await openPage(browser)
  const email = `mary-${randomUUID()}@example.com`

  // Sign up, with the code from the mailbox.
  await visit(page, '/auth/sign-up')
  await page.getByLabel('First name').fill('Mary')
  await page.getByLabel('Last name').fill('Somerville')
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await page.getByLabel('The same once more').fill(PASSWORD)
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByLabel('Code from the mail').fill(await mailedCode(email))
  await page.getByRole('button', { name: 'Confirm', exact: true }).click()
  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await expect(page.getByText('No projects yet')).toBeVisible()

  // A project, and a folder that agents may see through it.
  await visit(page, '/app/projects/new')
  await page.getByLabel('Name').fill('Voyage')
  await page.getByRole('button', { name: 'Create project' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Connect' })).toBeVisible()
  const project = /\/app\/projects\/[0-9a-f-]{36}/.exec(page.url())?.[0] ?? ''
  await visit(page, `${project}/servers`)
  await page.getByRole('link', { name: 'Add connection' }).click()
  await page.getByRole('link', { name: 'Files' }).click()
  await expect(page.getByRole('link', { name: 'Chosen: Files' })).toBeVisible()
  await page.getByLabel('Name').fill('papers')
  await page.getByLabel('Path').fill(folder)
  await page.getByRole('button', { name: 'Add connection' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'papers' })).toBeVisible()

  // A policy with a mistake, its mark, and the mend.
  await visit(page, `${project}/policy`)
  const editor = page.getByRole('textbox', { name: /^Policy of / })
  await expect(page.locator('.cm-editor')).toBeVisible({ timeout: 20_000 })
  await editor.click()
  await page.keyboard.press('ControlOrMeta+a')
  await page.keyboard.insertText(policyFor(folder))
  await expect(page.locator('.cm-lintRange-error')).toHaveText('defualt')
  // The mark is drawn anew while the text is checked.
  await expect(async () => {
    await editor.focus()
    await page.keyboard.press('F8')
    await page.getByRole('button', { name: 'Action: Mend' }).click({ timeout: 2_000 })
  }).toPass({ timeout: 20_000 })
  await expect(page.locator('.cm-lintRange-error')).toHaveCount(0)
  await page.keyboard.press('ControlOrMeta+s')
  await page
    .getByRole('dialog')
    .getByRole('button', { name: /^Save version / })
    .click()
  await expect(page.getByText(/^Version \d+ in force$/)).toBeVisible()

  // A key, a real client, and the light.
  await visit(page, `${project}/connect`)
  await page.getByRole('button', { name: 'Make a key' }).click()
  const key = (await page.getByText(/^mcps_/).textContent()) ?? ''
  await expect(page.getByText('This page turns on its light')).toBeVisible()
  // A key is known everywhere within a second.
  const client = await until(() => connect(key))
  const read = (name: string) =>
    client.callTool({ name: 'filesystem__read', arguments: { path: join(folder, name) } })
  expect(JSON.stringify(await read('welcome.txt'))).toContain('Welcome aboard')
  await expect(page.getByRole('region', { name: 'A call has arrived' })).toContainText('filesystem.read')

  // Calls arrive live.
  await visit(page, project)
  const live = page.getByRole('region', { name: 'Live calls' })
  await expect(live).toContainText(/appear as they are decided/)
  const denied = await client
    .callTool({ name: 'filesystem__write', arguments: { path: join(folder, 'x.txt'), content: 'x' } })
    .catch(String)
  expect(JSON.stringify(denied)).toMatch(/den|not covered|unknown|Unknown/i)
  await expect(live.getByRole('row').filter({ hasText: 'filesystem.write' })).toContainText('Denied')

  // One waits for a person, who approves it.
  const waiting = read('secret.txt')
  await visit(page, `${project}/approvals`)
  const held = page.getByRole('article').filter({ hasText: 'secret.txt' })
  await held.getByRole('button', { name: 'Approve…' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Approve' }).click()
  expect(JSON.stringify(await waiting)).toContain('swordfish')

  // It is found in the audits, with who approved it.
  await expect(async () => {
    await visit(page, '/app/audits?agent=journey-agent&rule=secrets-by-hand')
    await expect(page.getByRole('grid').getByRole('link').first()).toBeVisible({ timeout: 1_000 })
  }).toPass()
  await page.getByRole('grid').getByRole('link').first().click()
  await expect(page.getByRole('article', { name: 'filesystem.read' })).toContainText('secret.txt')

  // The key is revoked, and the client is refused.
  await visit(page, `${project}/keys`)
  const row = page.getByRole('row').filter({ hasText: key.slice(0, 9) })
  const name = (await row.getByRole('link').first().textContent())?.trim() ?? ''
  await page.getByRole('button', { name: `Revoke ${name}` }).click()
  const dialog = page.getByRole('dialog', { name: `Revoke ${name}` })
  await dialog.getByLabel(`Type ${name} to confirm`).fill(name)
  await dialog.getByRole('button', { name: /Revoke for good/ }).click()
  await expect(row).toContainText('Revoked')
  await until(async () => {
    const still = await read('welcome.txt').then(
      () => true,
      () => false,
    )
    if (still) throw new Error('The client is still served.')
  })

  // The plan is upgraded, and the account deleted.
  await visit(page, '/app/billing')
  await page.getByRole('link', { name: 'Upgrade to Pro' }).click()
  await page.locator('#change').getByRole('button', { name: 'Upgrade to Pro' }).click()
  await expect(page.getByRole('heading', { name: 'Pro, $29 a month' })).toBeVisible()
  await visit(page, '/app/settings/account')
  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByLabel(/^Type/).fill(email)
  await page.getByRole('button', { name: 'Delete my account' }).click()
  await expect(page.getByRole('status')).toContainText('Your account is deleted')
  expect(page.errors).toEqual([])
})
