// Calls that wait for a person, and the person.
import { randomUUID } from 'node:crypto'
import type { Browser } from '@playwright/test'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { api, expect, mailed, newMember, openBrowser, openPage, world, type Page } from './browser.ts'
import { makeRecords, type Records } from './records.ts'
import { visit } from './visit.ts'

let browser: Browser
let records: Records
/** Signed in once: the product allows few sign-ins in a while. */
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

describe('approvals', () => {
  test('are reached by the link in the mail, and approving lets the call run, once', async () => {
    const sql = 'select name from suppliers where id = 1'
    const { approval, answer } = await records.hold(sql)
    const link = await mailed(
      records.owner.email,
      ({ Text }) => /https?:\/\/\S*\/approvals\/\S+/.exec(Text)?.[0],
    )
    await visit(page, new URL(link).pathname)
    await expect(page).toHaveURL(new RegExp(records.inApp(`/approvals/${approval.id}`)))
    const held = page.getByRole('article', { name: 'sqlite.query' })
    await expect(held).toContainText('exactly as they will run')
    await expect(held.locator('pre')).toContainText(sql)
    await expect(held).toContainText(/ends in\s+9 min/)
    await held.getByRole('button', { name: 'Approve…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Let this call run?' })
    await dialog.getByLabel('Note').fill('It is the quarterly list.')
    await dialog.getByRole('button', { name: 'Approve' }).click()
    await expect(dialog).toHaveCount(0)
    expect(JSON.stringify((await answer).result)).toContain('Example Paper')
    await expect(held).toContainText('It was approved and ran, once.')
    await expect(held).toContainText('It is the quarterly list.')
    await expect(held.getByRole('button', { name: 'Approve…' })).toHaveCount(0)
  })

  test('appear by themselves, and are refused by a key and a confirmation', async () => {
    await visit(page, records.inApp('/approvals'))
    await expect(page.getByText('No call waits')).toBeVisible()
    const { answer } = await records.hold('select name from suppliers where id = 2')
    const held = page.getByRole('article').filter({ hasText: 'id = 2' })
    await held.focus()
    await page.keyboard.press('r')
    const dialog = page.getByRole('dialog', { name: 'Refuse this call?' })
    await dialog.getByRole('button', { name: 'Refuse' }).click()
    expect(JSON.stringify((await answer).result)).toContain('refused')
    await expect(page.getByText('No call waits')).toBeVisible()
    await expect(page.getByRole('table', { name: 'Calls that were held' })).toContainText('refused')
  })

  test('that somebody else decided meanwhile say so', async () => {
    const { approval, answer } = await records.hold('select name from suppliers where id = 3')
    await visit(page, records.inApp(`/approvals/${approval.id}`))
    await page.getByRole('button', { name: 'Approve…' }).click()
    await api(records.owner.token, 'POST', records.at(`/approvals/${approval.id}/refuse`), {})
    await page.getByRole('dialog').getByRole('button', { name: 'Approve' }).click()
    await expect(page.getByRole('alert')).toContainText('refused')
    await page.getByRole('dialog').getByRole('button', { name: 'Close', exact: true }).last().click()
    await expect(page.getByRole('article')).toContainText('It was refused and did not run.')
    await answer
  })

  test('are shown to a viewer, who may not decide them', async () => {
    const { approval, answer } = await records.hold(
      "select name from suppliers where id = 5 and name = 'AKIAIOSFODNN7EXAMPLZ'",
      'id = 5',
    )
    const viewersPage = await openPage(browser, { as: await newMember(records.owner, 'viewer') })
    await visit(viewersPage, records.inApp('/approvals'))
    const held = viewersPage.getByRole('article')
    await expect(held).toContainText('without what looks like a secret')
    await expect(held.getByRole('button', { name: /^Approve/ })).toHaveAttribute('aria-disabled', 'true')
    await held.focus()
    await viewersPage.keyboard.press('a')
    await expect(viewersPage.getByRole('dialog')).toHaveCount(0)
    await visit(viewersPage, records.inApp(`/approvals/${approval.id}`))
    await expect(held).toContainText('Your role here is viewer')
    await viewersPage.context().close()
    await records.refuse({ approval, answer })
  })

  test('are decided without scripts', async () => {
    const { approval, answer } = await records.hold('select name from suppliers where id = 4')
    const context = await browser.newContext({
      baseURL: world().web,
      javaScriptEnabled: false,
      storageState: await page.context().storageState(),
    })
    const plain = await context.newPage()
    await plain.goto(records.inApp(`/approvals/${approval.id}`))
    await plain.getByLabel('Note').fill('Not today.')
    await plain.getByRole('button', { name: 'Refuse…' }).click()
    await expect(plain.getByRole('article')).toContainText('It was refused and did not run.')
    await expect(plain.getByRole('article')).toContainText('Not today.')
    await context.close()
    await answer
  })

  test('that are not there are a page that says so', async () => {
    const response = await page.goto(records.inApp(`/approvals/${randomUUID()}`))
    expect(response?.status()).toBe(404)
  })
})

test('none of it has raised an error in the browser', () => {
  expect(page.errors).toEqual([])
})
