// Before a page's scripts have started, and without them, nothing that matters is done by one press: the page that follows asks.
import type { Browser } from '@playwright/test'
import { afterAll, beforeAll, describe, test } from 'vitest'
import {
  api,
  expect,
  newPerson,
  newProject,
  openBrowser,
  openPage,
  world,
  type Page,
  type Person,
} from './browser.ts'
import { answering } from './visit.ts'

let browser: Browser
let owner: Person
let project: { id: string; name: string }
let plain: Page
const at = (path = '') => `/app/projects/${project.id}${path}`
const seen = (path = '') => api(owner.token, 'GET', `/projects/${project.id}${path}`)

beforeAll(async () => {
  ;[browser, owner] = await Promise.all([openBrowser(), newPerson('Nora')])
  project = await newProject(owner, 'Shop')
  const signedIn = await openPage(browser, { as: owner })
  const context = await browser.newContext({
    baseURL: world().web,
    javaScriptEnabled: false,
    storageState: await signedIn.context().storageState(),
  })
  plain = await context.newPage()
}, 60_000)
afterAll(() => browser?.close())

describe('without scripts', () => {
  test('a kill switch in the list asks on the project’s own page, and is turned by the answer only', async () => {
    await plain.goto('/app/projects')
    await plain.getByRole('button', { name: 'Kill switch of Shop' }).click()
    await expect(plain).toHaveURL(new RegExp(`${at('/settings')}`))
    const question = plain.getByRole('form', { name: 'Turn the kill switch on' })
    await expect(question).toContainText('Every call of Shop is denied within a second')
    expect(await seen()).toMatchObject({ killed: false })
    await question.getByRole('link', { name: 'Cancel' }).click()
    await expect(question).toHaveCount(0)
    expect(await seen()).toMatchObject({ killed: false })

    await plain.getByRole('button', { name: 'Kill switch' }).click()
    await question.getByRole('button', { name: 'Deny every call' }).click()
    await expect(plain.getByRole('heading', { name: 'Kill switch: on' })).toBeVisible()
    expect(await seen()).toMatchObject({ killed: true })
  })

  test('the mode asks, and so does approval at the client', async () => {
    await plain.goto(at('/settings'))
    await plain.getByRole('button', { name: 'Only monitor' }).click()
    await expect(plain.getByRole('form', { name: 'Only monitor' })).toBeVisible()
    expect(await seen()).toMatchObject({ mode: 'enforce' })
    await plain.getByRole('button', { name: 'Stop enforcing' }).click()
    await expect(plain.getByRole('heading', { name: 'Mode: monitoring' })).toBeVisible()
    const { approve_in_client: before } = await seen()
    await plain.getByRole('button', { name: 'approval at the client' }).click()
    expect(await seen()).toMatchObject({ approve_in_client: before })
    await expect(plain.getByRole('form', { name: /^(Only here|At the client, too)$/ })).toBeVisible()
  })

  test('a key is killed by the answer only, and revoked by its name only', async () => {
    await api(owner.token, 'POST', `/projects/${project.id}/keys`, { name: 'nightly' })
    const key = async () => (await seen('/keys'))['items'] as { killed: boolean; revoked_at: string | null }[]
    await plain.goto(at('/keys'))
    await plain.getByRole('button', { name: 'Kill nightly' }).click()
    expect(await key()).toMatchObject([{ killed: false }])
    await plain.getByRole('button', { name: 'Deny its calls' }).click()
    expect(await key()).toMatchObject([{ killed: true }])
    await plain.getByRole('button', { name: 'Revoke nightly' }).click()
    await plain.getByLabel('Type nightly to confirm').fill('another')
    await plain.getByRole('button', { name: 'Revoke for good' }).click()
    expect(await key()).toMatchObject([{ revoked_at: null }])
    await plain.getByLabel('Type nightly to confirm').fill('nightly')
    await plain.getByRole('button', { name: 'Revoke for good' }).click()
    await expect(plain.getByText('Revoked', { exact: true })).toBeVisible()
  })

  test('a connection and a project are removed by their names only', async () => {
    const { id } = await api<{ id: string }>(owner.token, 'POST', `/projects/${project.id}/connections`, {
      name: 'papers',
      kind: 'files',
      path: '/tmp',
    })
    await plain.goto(at(`/servers/connections/${id}`))
    await plain.getByRole('button', { name: 'Remove' }).click()
    expect((await seen('/connections'))['items']).toHaveLength(1)
    await plain.getByLabel('Type papers to confirm').fill('papers')
    await plain.getByRole('button', { name: 'Remove it' }).click()
    await expect(plain.getByRole('heading', { level: 1, name: 'Servers and connections' })).toBeVisible()
    await plain.goto(at('/settings'))
    await plain.getByRole('button', { name: 'Delete project' }).click()
    await plain.getByLabel('Type Shop to confirm').fill('shop')
    await plain.getByRole('button', { name: 'Delete for good' }).click()
    expect(await seen()).toMatchObject({ id: project.id })
    await plain.getByLabel('Type Shop to confirm').fill('Shop')
    await plain.getByRole('button', { name: 'Delete for good' }).click()
    await expect(plain.getByText('No projects yet')).toBeVisible()
  })
})

test('what is chosen before the scripts are there stays chosen', async () => {
  const page = await openPage(browser, { as: owner })
  const scripts = Promise.withResolvers<void>()
  await page.route(/\/_app\/.*\.js/, async (route) => {
    await scripts.promise
    await route.continue()
  })
  await page.goto('/app/settings/members', { waitUntil: 'commit' })
  const role = page.getByLabel('Role', { exact: true })
  await role.selectOption('Editor')
  scripts.resolve()
  await answering(page)
  await expect(role).toHaveValue('editor')
})
