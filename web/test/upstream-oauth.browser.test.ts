// A server behind OAuth, authorised by a person in their browser at a real authorisation server.
import type { Browser } from '@playwright/test'
import { startAuthorizationServer, type AuthorizationServer } from '@mcpshield/testkit/authorization-server'
import { afterAll, beforeAll, describe, test } from 'vitest'
import {
  expect,
  expectAccessible,
  newPerson,
  newProject,
  openBrowser,
  openPage,
  type Page,
} from './browser.ts'
import { revisit, visit } from './visit.ts'

let browser: Browser
let server: AuthorizationServer
let page: Page & { errors: string[] }
let project: string

beforeAll(async () => {
  ;[browser, server] = await Promise.all([openBrowser(), startAuthorizationServer()])
  const person = await newPerson('Una')
  project = `/app/projects/${(await newProject(person)).id}`
  page = await openPage(browser, { as: person })
}, 60_000)
afterAll(async () => {
  await browser?.close()
  await server?.[Symbol.asyncDispose]()
})

/** From the list, which has a button to test each server too: not before the server's own page is there. */
async function open(name: string): Promise<void> {
  await visit(page, `${project}/servers`)
  await page.getByRole('link', { name }).click()
  await expect(page.getByRole('heading', { level: 1, name })).toBeVisible()
}

const state = () => page.getByRole('definition').filter({ hasText: 'OAuth: a person authorises once' })

/** To the authorisation server in a tab of its own, and back again to this one. */
async function agree(button: string): Promise<string> {
  await page.getByRole('button', { name: button }).click()
  await expect(page.getByText(new URL(server.url).host).last()).toBeVisible()
  const [tab] = await Promise.all([
    page.context().waitForEvent('page'),
    page.getByRole('link', { name: 'Open it in a new tab' }).click(),
  ])
  await tab.waitForURL('**/oauth/callback**')
  const said = await tab.getByRole('paragraph').innerText()
  await tab.close()
  await page.evaluate(() => window.dispatchEvent(new Event('focus')))
  return said
}

describe('a server behind OAuth', () => {
  test('needs a person, who consents there and comes back to a server that is authorised', async () => {
    await visit(page, `${project}/servers/upstreams/new`)
    await page.getByLabel('Short name').fill('remote')
    await page.getByLabel('Address').fill(server.mcpUrl)
    await page.getByLabel('Authorisation').selectOption({ label: 'OAuth: a person authorises once' })
    await page.getByRole('button', { name: 'Add server' }).click()
    await expect(page.getByRole('heading', { level: 1, name: 'remote' })).toBeVisible()
    await expect(state()).toContainText('Not authorised')
    await expectAccessible(page)
    // Until then it stands among what needs somebody.
    const attention = page.getByRole('link', { name: /Not authorised.*remote/ })
    await visit(page, project)
    await attention.click()
    // Over soon: it is renewed before it is used again.
    server.says.accessTokenSeconds = 3
    expect(await agree('Authorise')).toContain('remote')
    await expect(state().getByText('Authorised', { exact: true })).toBeVisible()
    await expect(state()).toContainText('then renewed')
    await visit(page, project)
    await expect(attention).toHaveCount(0)
    expect(await page.content()).not.toMatch(/access_token|refresh_token/)
  })

  test('whose tokens are revoked there needs somebody again, and is mended by authorising again', async () => {
    server.says.token = { status: 400, body: '{"error":"invalid_grant"}' }
    await open('remote')
    await page.getByRole('button', { name: 'Test remote' }).click()
    await expect(page.getByRole('alert')).toContainText('remote does not work', { timeout: 30_000 })
    await expect(state()).toContainText('Not authorised')
    await visit(page, project)
    await page.getByRole('link', { name: /Not authorised.*remote/ }).click()
    server.says.token = undefined
    server.says.accessTokenSeconds = 3_600
    await agree('Authorise')
    await expect(state().getByText('Authorised', { exact: true })).toBeVisible()
    await revisit(page)
    await expect(state().getByText('Authorised', { exact: true })).toBeVisible()
  })

  test('at which the person says no stays as it was, and says so', async () => {
    server.says.denies = { error: 'access_denied', error_description: 'The person said no.' }
    await open('remote')
    await page.getByRole('button', { name: 'Authorise again' }).click()
    const link = page.getByRole('link', { name: 'Open it in a new tab' })
    await expect(link).toBeVisible()
    const [tab] = await Promise.all([page.context().waitForEvent('page'), link.click()])
    await tab.waitForURL('**/oauth/callback**')
    await expect(tab.getByRole('paragraph')).toContainText(/not|no/i)
    await tab.close()
    server.says.denies = undefined
  })
})

test('none of it has raised an error in the browser', () => {
  expect(page.errors).toEqual([])
})
