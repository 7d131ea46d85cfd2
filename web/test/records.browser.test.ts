// The record, as people work with it.
import { readFileSync } from 'node:fs'
import type { Browser } from '@playwright/test'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { api, expect, newPerson, openBrowser, openPage, until, world, type Page } from './browser.ts'
import { makeRecords, reportEvents, type Records } from './records.ts'
import { visit } from './visit.ts'

const REPORTED = 1_200
const ROW_PX = 34

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

describe('audits', () => {
  test('show a call with what it touched, why, and what came of it', async () => {
    await visit(page, '/app/audits?agent=night-agent')
    await rows().filter({ hasText: 'allow' }).getByRole('link').click()
    await expect(page).toHaveURL(/\/app\/audits\/[0-9a-f-]{36}\?agent=night-agent$/)
    const call = page.getByRole('article', { name: 'sqlite.query' })
    await expect(call.getByRole('region', { name: 'What it touched' })).toContainText('products')
    await expect(call.getByRole('region', { name: 'Arguments' })).toContainText('select name from products')
    await expect(call.getByRole('region', { name: 'What came of it' })).toContainText('It ran.')
    await expect(call.getByRole('link', { name: 'nightly-report' })).toHaveAttribute(
      'href',
      records.inApp('/keys'),
    )
    await expect(call.getByRole('link', { name: 'Version 2' })).toHaveAttribute(
      'href',
      records.inApp('/policy/versions/2'),
    )
    await call.getByRole('button', { name: 'Go through the rules' }).click()
    const rules = call.getByRole('list', { name: /^Rules/ }).getByRole('listitem')
    await expect(rules.filter({ hasText: 'suppliers-by-hand' })).toContainText('passed over')
    await expect(rules.filter({ hasText: 'price-list' })).toContainText('decided')
    await expect(call).toContainText('At most 100 rows come back.')
    await call.getByRole('link', { name: 'Same tool, allow' }).click()
    await expect(page).toHaveURL(/tool=sqlite\.query.*decision=allow/)
  })

  test('are filtered as one chooses and types, and the address says how', async () => {
    await visit(page, '/app/audits')
    await page.getByLabel('Decision').selectOption('deny')
    await expect(page).toHaveURL(/\?decision=deny$/)
    await expect(rows().filter({ hasText: 'allow' })).toHaveCount(0)
    await page.getByLabel('Tool', { exact: true }).fill('files.*')
    await expect(page).toHaveURL(/\?tool=files\.\*&decision=deny$/)
    await expect(page.getByLabel('Tool', { exact: true })).toBeFocused()
    await expect(rows().filter({ hasText: 'sqlite.query' })).toHaveCount(0)
    await page.reload()
    await expect(page.getByLabel('Decision')).toHaveValue('deny')
    await page.getByRole('link', { name: 'Clear the filters' }).click()
    await expect(page).toHaveURL(/\/app\/audits$/)
  })

  test('with filters that nothing fits, or that cannot be read, say so and show nothing else', async () => {
    await visit(page, '/app/audits?q=no-call-has-this-text')
    await expect(page.getByText('No call is like that')).toBeVisible()
    await visit(page, '/app/audits?from=yesterday&decision=maybe')
    await expect(page.getByRole('alert')).toContainText('Give a date and a time.')
    await expect(page.getByRole('alert')).toContainText('allow, deny or ask')
    await expect(grid()).toHaveCount(0)
    await visit(page, '/app/audits?project_id=none')
    await expect(page.getByRole('alert')).toBeVisible()
    await expect(grid()).toHaveCount(0)
  })

  test('are a list of any length, of which few rows are drawn', async () => {
    await visit(page, '/app/audits?rule=reported')
    await until(async () => {
      await grid().evaluate((element) => element.scrollTo(0, element.scrollHeight))
      await expect(rows().last()).toContainText('"number":0', { timeout: 500 })
    })
    await expect(page.getByText('1,200 calls')).toBeVisible()
    expect(await rows().count()).toBeLessThan(80)
    await grid().evaluate((element, top) => element.scrollTo(0, top), 600 * ROW_PX)
    await expect(rows().first()).toContainText(`"number":6`)
  })

  test('are gone through by keys', async () => {
    await visit(page, '/app/audits?rule=reported')
    await grid().focus()
    await page.keyboard.press('j')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('k')
    await page.keyboard.press('Enter')
    const call = page.getByRole('article')
    await expect(call).toBeFocused()
    await expect(call.getByRole('region', { name: 'Arguments' })).toContainText('1198')
    await page.keyboard.press('j')
    await expect(call.getByRole('region', { name: 'Arguments' })).toContainText('1197')
    await page.keyboard.press('Escape')
    await expect(call).toHaveCount(0)
    await expect(grid()).toBeFocused()
  })

  test('followed live show a call when it happens, if the filters do', async () => {
    await visit(page, '/app/audits?decision=deny&tool=sqlite.*')
    await expect(rows().first()).toContainText('schema products')
    const before = await rows().count()
    await page.getByRole('button', { name: 'Follow live' }).click()
    await expect(page.getByText('· following')).toBeVisible()
    await records.query('select name from products')
    await records.query('delete from suppliers where id = 77')
    await expect(rows().first()).toContainText('write suppliers')
    await expect(rows()).toHaveCount(before + 1)
    await page.getByRole('button', { name: 'Stop following' }).click()
    await visit(page, '/app/audits?to=2026-01-01T00:00:00Z')
    await expect(page.getByRole('button', { name: /Follow live/ })).toHaveAttribute('aria-disabled', 'true')
  })

  test.for([
    ['CSV', /^audits.*\.csv$/],
    ['JSON Lines', /^audits.*\.jsonl$/],
    ['OCSF', /^audits.*\.ocsf\.jsonl$/],
  ] as const)('are exported as %s, the same calls as are shown', async ([name, file]) => {
    await visit(page, '/app/audits?agent=night-agent&decision=allow')
    await page.getByText('Export', { exact: true }).click()
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: new RegExp(`^${name}`) }).click(),
    ])
    expect(download.suggestedFilename()).toMatch(file)
    const text = readFileSync((await download.path())!, 'utf8')
    expect(text).toContain('select name from products')
    expect(text).not.toContain('drop table')
  })

  test('of others are not there', async () => {
    const stranger = await openPage(browser, { as: await newPerson('Stranger') })
    const { items } = await api<{ items: { id: string }[] }>(records.owner.token, 'GET', '/audits?limit=1')
    const response = await stranger.goto(`/app/audits/${items[0]?.id}`)
    expect(response?.status()).toBe(404)
    await stranger.context().close()
  })

  test('are filtered and paged without scripts', async () => {
    const context = await browser.newContext({
      baseURL: world().web,
      javaScriptEnabled: false,
      storageState: await page.context().storageState(),
    })
    const plain = await context.newPage()
    await plain.goto('/app/audits')
    await plain.getByLabel('Rule').fill('reported')
    await plain.getByRole('button', { name: 'Apply' }).click()
    await expect(plain).toHaveURL(/rule=reported/)
    await expect(plain.getByRole('grid')).toContainText('"number":1199')
    await plain.getByRole('link', { name: 'Older' }).click()
    await expect(plain.getByRole('grid')).toContainText('"number":1149')
    await plain.getByRole('link', { name: 'files.read_1' }).first().click()
    await expect(plain.getByRole('heading', { level: 2 })).toContainText('files.read_1')
    await context.close()
  })
})

test('none of it has raised an error in the browser', () => {
  expect(page.errors).toEqual([])
})
