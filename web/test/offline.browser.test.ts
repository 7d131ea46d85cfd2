// Without a line, or without a server, a page keeps what it has, sends nothing, and says so.
import type { Browser } from '@playwright/test'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { expect, expectAccessible, openBrowser, openPage, type Page } from './browser.ts'
import { makeRecords, type Records } from './records.ts'
import { visit } from './visit.ts'

let browser: Browser
let records: Records
let page: Page & { errors: string[] }

beforeAll(async () => {
  browser = await openBrowser()
  records = await makeRecords()
  page = await openPage(browser, { as: records.owner })
}, 120_000)
afterAll(async () => {
  await browser?.close()
  records?.[Symbol.dispose]()
})

const lost = () => page.getByText('You are offline. What is shown is as of before')

async function offline<T>(act: () => Promise<T>): Promise<T> {
  await page.context().setOffline(true)
  try {
    return await act()
  } finally {
    await page.context().setOffline(false)
    await expect(lost()).toHaveCount(0)
  }
}

describe('without a line', () => {
  test.for([
    '/app/projects',
    '',
    '/connect',
    '/servers',
    '/policy',
    '/policy/versions',
    '/assistant',
    '/approvals',
    '/keys',
    '/settings',
    '/app/audits',
    '/app/usage',
    '/app/billing',
    '/app/profile',
    '/app/settings/members',
    '/app/settings/sessions',
    '/app/settings/policy',
    '/app/settings/siem',
  ])('%s keeps what it shows, says so, and leads nowhere', async (path) => {
    await visit(page, path.startsWith('/app/') ? path : records.inApp(path))
    const heading = page.getByRole('heading', { level: 1 })
    const title = await heading.textContent()
    const rows = await page.getByRole('row').count()
    await offline(async () => {
      await expect(lost()).toBeVisible()
      await page.getByRole('navigation', { name: 'Organisation' }).getByRole('link').last().click()
      await expect(page.getByText('The page stays as it is.')).toBeVisible()
      await expect(heading).toHaveText(title!)
      expect(await page.getByRole('row').count()).toBe(rows)
      for (const button of await page.locator('main button[type=submit]:visible').all())
        await expect(button).toHaveAttribute('aria-disabled', 'true')
    })
    await expect(heading).toHaveText(title!)
  })

  test('a button that would send says why it does not, and works when the line is back', async () => {
    await visit(page, '/app/profile')
    await page.getByLabel('First name').fill('Olga-Ada')
    const save = page.getByRole('button', { name: /^Save/ }).first()
    await offline(async () => {
      await expect(save).toHaveAttribute('title', 'You are offline.')
      await expectAccessible(page)
      await save.press('Enter')
      await expect(page.getByLabel('First name')).toHaveValue('Olga-Ada')
    })
    await save.click()
    await expect(page.getByText('Saved.').first()).toBeVisible()
  })

  test('what is live says that it reconnects, and goes on by itself', async () => {
    await visit(page, records.inApp())
    await expect(page.getByText('New calls appear as they are decided.')).toBeVisible()
    await offline(() => expect(page.getByText('Reconnecting…')).toBeVisible())
    await expect(page.getByText('New calls appear as they are decided.')).toBeVisible()
    await records.query('delete from suppliers where id = 4711')
    await expect(page.getByRole('region', { name: 'Live calls' }).getByRole('row').nth(1)).toContainText(
      'Denied',
    )
    await visit(page, records.inApp('/approvals'))
    await offline(() => expect(page.getByText('· reconnecting…')).toBeVisible())
  })
})

describe('without a server', () => {
  test('what was sent is not known to have arrived, the page stays, and comes back by itself', async () => {
    await visit(page, '/app/profile')
    await page.getByLabel('First name').fill('Olga')
    await page.route('**/*', (route) => route.abort('connectionrefused'))
    await page.getByRole('button', { name: /^Save/ }).first().click()
    await expect(page.getByText('Whether it was done is not known').first()).toBeVisible()
    await expect(page.getByText('The server cannot be reached. What is shown is as of before')).toBeVisible()
    await expect(page.getByLabel('First name')).toHaveValue('Olga')
    await page.unroute('**/*')
    await expect(page.getByText('You are back.', { exact: true })).toBeVisible()
    await page.getByRole('button', { name: /^Save/ }).first().click()
    await expect(page.getByText('Saved.').first()).toBeVisible()
  })
})
