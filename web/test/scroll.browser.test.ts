// A long record is gone through quickly: `npm run scroll-audits` does the same with 100,000 records.
import type { Browser } from '@playwright/test'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { api, expect, newPerson, newProject, openBrowser, openPage, type Page } from './browser.ts'
import { dragTo, requireRunDown, settledRows } from './record-scroll.ts'
import { recordEvents } from './records.ts'
import { visit } from './visit.ts'

const RECORDS = 6_000
const PATIENCE_MS = 20_000
const MOST_ROWS_DRAWN = 120

let browser: Browser
let page: Page & { errors: string[] }
let to: string

const grid = () => page.getByRole('grid', { name: 'Calls, newest first' })
const open = () => visit(page, `/app/audits?to=${encodeURIComponent(to)}`)
const isNewest = (numbers: number[]) => numbers[0] === RECORDS - 1
const isOldest = (numbers: number[]) => numbers.at(-1) === 0
const press = (key: string) => grid().press(key)

beforeAll(async () => {
  browser = await openBrowser()
  // Before the person's own acts, which are records as well.
  const untilMs = Date.now() - 3_600_000
  to = new Date(untilMs).toISOString()
  const person = await newPerson('Rita')
  const { id } = await newProject(person)
  const { api_key: key } = await api<{ api_key: string }>(person.token, 'POST', `/projects/${id}/keys`, {
    name: 'reporter',
  })
  await recordEvents(person, key, RECORDS, untilMs)
  page = await openPage(browser, { as: person })
}, 120_000)
afterAll(() => browser?.close())

describe('a long record', () => {
  test('says how many calls it has, and reaches the oldest and the newest by a key', async () => {
    await open()
    await expect(page.getByText(/^6,000 calls/)).toBeVisible()
    await press('End')
    const { numbers, drawn } = await settledRows(page, PATIENCE_MS, isOldest)
    requireRunDown(numbers, 'the end')
    expect(drawn).toBeLessThan(MOST_ROWS_DRAWN)
    await press('Home')
    requireRunDown((await settledRows(page, PATIENCE_MS, isNewest)).numbers, 'the top')
    await page.getByRole('button', { name: 'Oldest' }).click()
    await settledRows(page, PATIENCE_MS, isOldest)
    await page.getByRole('button', { name: 'Newest' }).click()
    await settledRows(page, PATIENCE_MS, isNewest)
  })

  test('follows the scroll bar to wherever it is dragged, and its end is the oldest record', async () => {
    await open()
    await expect(page.getByText(/^6,000 calls/)).toBeVisible()
    for (const part of [0.5, 0.93, 0.2]) {
      await dragTo(page, part)
      const around = (numbers: number[]) => Math.abs(numbers[0]! - (1 - part) * RECORDS) < RECORDS / 20
      requireRunDown((await settledRows(page, PATIENCE_MS, around)).numbers, `at ${part}`)
    }
    await dragTo(page, 1)
    await settledRows(page, PATIENCE_MS, isOldest)
    await dragTo(page, 0)
    await settledRows(page, PATIENCE_MS, isNewest)
  })

  test('has each record once and in order, from the end upwards and from a moment downwards', async () => {
    await open()
    await press('End')
    let last = (await settledRows(page, PATIENCE_MS, isOldest)).numbers
    for (let pages = 0; pages < 40; pages++) {
      await press('PageUp')
      const before = last[0]!
      last = (await settledRows(page, PATIENCE_MS, (numbers) => numbers[0]! > before || pages === 0)).numbers
      requireRunDown(last, `page ${pages} from the end`)
    }
    expect(last[0]).toBeGreaterThan(500)
    const moment = new Date(Date.parse(to) - 3_000_000)
    await page
      .getByLabel(/^Moment/)
      .fill(
        await page.evaluate(
          (ms) => new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 16),
          moment.getTime(),
        ),
      )
    await page.getByRole('button', { name: 'Go to', exact: true }).click()
    const near = (numbers: number[]) => Math.abs(numbers[0]! - (RECORDS - 3_000)) < 120
    last = (await settledRows(page, PATIENCE_MS, near)).numbers
    for (let pages = 0; pages < 30; pages++) {
      const before = last.at(-1)!
      await press('PageDown')
      last = (await settledRows(page, PATIENCE_MS, (numbers) => numbers.at(-1)! <= before)).numbers
      requireRunDown(last, `page ${pages} from the moment`)
    }
  })

  test('is gone on with by itself when the line was cut', async () => {
    await open()
    await expect(page.getByText(/^6,000 calls/)).toBeVisible()
    await page.context().setOffline(true)
    await dragTo(page, 0.6)
    await expect(page.getByText('The server cannot be reached.').first()).toBeVisible()
    await page.context().setOffline(false)
    requireRunDown((await settledRows(page, PATIENCE_MS)).numbers, 'back again')
    expect(page.errors.filter((text) => !text.includes('ERR_INTERNET_DISCONNECTED'))).toEqual([])
  })
})
