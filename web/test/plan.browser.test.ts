// What was used and what it costs; and that all pages of the record, of approvals and of the plan can be used by everybody.
import type { Browser } from '@playwright/test'
import { afterAll, beforeAll, describe, test } from 'vitest'
import {
  api,
  expect,
  expectAccessible,
  expectNoSidewaysScroll,
  newMember,
  newProject,
  openBrowser,
  openPage,
  type Page,
} from './browser.ts'
import { makeRecords, reportEvents, type Held, type Records } from './records.ts'
import { visit } from './visit.ts'

const REPORTED = 700

let browser: Browser
let records: Records
/** Signed in once: the product allows few sign-ins in a while. */
let page: Page & { errors: string[] }

beforeAll(async () => {
  browser = await openBrowser()
  records = await makeRecords()
  await reportEvents(records.apiKey, REPORTED)
  page = await openPage(browser, { as: records.owner })
}, 120_000)
afterAll(async () => {
  await browser?.close()
  records?.[Symbol.dispose]()
})

const grid = () => page.getByRole('grid', { name: 'Calls, newest first' })
const rows = () =>
  grid()
    .getByRole('row')
    .filter({ has: page.getByRole('link') })

describe('usage', () => {
  test('says how much of the plan is used, and each number leads to its calls', async () => {
    await visit(page, '/app/usage')
    await expect(page.getByRole('meter', { name: 'Events this month' })).toHaveAttribute(
      'aria-valuemax',
      '10000',
    )
    await page.getByRole('link', { name: 'files.read_3: ' }).click()
    await expect(page).toHaveURL(/\/app\/audits\?from=.*&tool=files\.read_3$/)
    await expect(rows().first()).toContainText('files.read_3')
    await expect(rows().filter({ hasText: 'sqlite.query' })).toHaveCount(0)
  })

  test('is drawn by day, week and month, with the numbers behind it', async () => {
    await visit(page, '/app/usage')
    for (const step of ['Weekly', 'Monthly']) {
      await page.getByRole('link', { name: step }).click()
      await expect(page.getByRole('figure', { name: `${step} decisions` })).toBeVisible()
    }
    const figure = page.getByRole('figure')
    await figure.getByText('Show as a table').click()
    const month = figure.getByRole('table').getByRole('row').last()
    await expect(month.getByRole('cell').first()).toHaveText(/^3\d\d$/)
    await month.getByRole('link').click()
    await expect(page).toHaveURL(/\/app\/audits\?from=\d{4}-\d\d-01T/)
  })
})

describe('the plan', () => {
  test('is upgraded at once and downgraded later, which can be taken back', async () => {
    await visit(page, '/app/billing')
    await page.getByRole('link', { name: 'Upgrade to Pro' }).click()
    await expect(page.locator('#change')).toContainText('at once')
    await page.locator('#change').getByRole('button', { name: 'Upgrade to Pro' }).click()
    await expect(page.getByRole('status').filter({ hasText: 'The plan was changed.' })).toBeVisible()
    await expect(page.getByRole('heading', { name: 'Pro, $29 a month' })).toBeVisible()
    await page.getByRole('link', { name: 'Cancel the plan…' }).click()
    await expect(page.locator('#change')).toContainText('Records older than 30 days are removed')
    await page.locator('#change').getByRole('button', { name: 'Downgrade to Free' }).click()
    await expect(page.getByRole('region', { name: /^Pro/ })).toContainText('Free, from')
    await page.getByRole('region', { name: /^Pro/ }).getByRole('link', { name: 'Keep Pro' }).click()
    await page.locator('#change').getByRole('button', { name: 'Keep Pro' }).click()
    await expect(page.getByRole('region', { name: /^Pro/ })).toContainText('It goes on as it is.')
  })

  test('cannot become smaller than what there is: the reason is said before it is tried', async () => {
    await newProject(records.owner, 'Second')
    await visit(page, '/app/billing?change=free')
    await expect(page.locator('#change')).toContainText('delete 1 first')
    await expect(page.locator('#change').getByRole('button', { name: /^Downgrade/ })).toHaveAttribute(
      'aria-disabled',
      'true',
    )
  })

  test('is seen by a viewer, who may not change it and sees no invoices', async () => {
    const viewersPage = await openPage(browser, { as: await newMember(records.owner, 'viewer') })
    await visit(viewersPage, '/app/billing')
    const upgrade = viewersPage.getByRole('button', { name: /^Upgrade to Enterprise/ })
    await expect(upgrade).toHaveAttribute('aria-disabled', 'true')
    await expect(viewersPage.getByRole('region', { name: 'Invoices' })).toContainText(
      'Your role here is viewer',
    )
    await expect(viewersPage.getByText('The running period')).toHaveCount(0)
    await viewersPage.context().close()
  })
})

describe('every page', () => {
  let waiting: Held
  beforeAll(async () => {
    waiting = await records.hold('select name from suppliers where id = 9')
  })
  afterAll(async () => {
    await records.refuse(waiting)
  })

  const pages: Record<string, () => string | Promise<string>> = {
    audits: () => '/app/audits',
    'one call': async () => {
      const { items } = await api<{ items: { id: string }[] }>(
        records.owner.token,
        'GET',
        '/audits?limit=1&tool=sqlite*',
      )
      return `/app/audits/${items[0]?.id}`
    },
    approvals: () => records.inApp('/approvals'),
    'one approval': () => records.inApp(`/approvals/${waiting.approval.id}`),
    usage: () => '/app/usage',
    billing: () => '/app/billing?change=free&period=monthly',
  }
  test.for(Object.keys(pages))('is accessible in both themes, and fits a phone: %s', async (name) => {
    const path = await pages[name]!()
    await visit(page, path)
    if (name === 'one call') {
      await page.getByRole('button', { name: 'Go through the rules' }).click()
      await expect(page.getByRole('list', { name: /^Rules/ })).toBeVisible()
    }
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await expectAccessible(page)
    }
    await page.setViewportSize({ width: 360, height: 800 })
    await expectNoSidewaysScroll(page)
    await page.setViewportSize({ width: 1280, height: 900 })
    await page.emulateMedia({ colorScheme: 'light' })
  })

  test('has a dialog that is accessible, too', async () => {
    await visit(page, records.inApp(`/approvals/${waiting.approval.id}`))
    await page.getByRole('button', { name: 'Approve…' }).click()
    await expect(page.getByRole('dialog')).toBeVisible()
    await expectAccessible(page)
    await page.keyboard.press('Escape')
    await expect(page.getByRole('dialog')).toHaveCount(0)
  })

  test('has raised no error in the browser', () => {
    expect(page.errors).toEqual([])
  })
})
