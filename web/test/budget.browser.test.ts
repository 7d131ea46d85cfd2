// How much script a page brings, as it crosses the line.
import type { Browser } from '@playwright/test'
import { afterAll, beforeAll, test } from 'vitest'
import { expect, newPerson, newProject, openBrowser, openPage, type Person } from './browser.ts'

const MOST_BYTES = 120_000

let browser: Browser
let person: Person
let project: string

beforeAll(async () => {
  browser = await openBrowser()
  person = await newPerson()
  project = `/app/projects/${(await newProject(person)).id}`
})
afterAll(() => browser?.close())

// The policy's own pages bring the editor, and are not held to it.
test.for([
  '/',
  '/pricing',
  '/docs',
  '/app/projects',
  '',
  '/connect',
  '/servers',
  '/assistant',
  '/approvals',
  '/keys',
  '/settings',
  '/app/audits',
  '/app/usage',
  '/app/billing',
  '/app/profile',
  '/app/settings/members',
  '/app/settings/second-factor',
  '/app/settings/siem',
])('%s has less than 120 kB of scripts', async (path) => {
  const page = await openPage(browser, { as: person })
  await page.goto(/^\/(app|pricing|docs|$)/.test(path) ? path : `${project}${path}`)
  // A page with a live stream is never idle.
  await page.waitForLoadState('networkidle', { timeout: 3_000 }).catch(() => undefined)
  const bytes = await page.evaluate(() =>
    performance
      .getEntriesByType('resource')
      .filter((each) => new URL(each.name).pathname.endsWith('.js'))
      .reduce((sum, each) => sum + (each as PerformanceResourceTiming).encodedBodySize, 0),
  )
  expect(bytes).toBeGreaterThan(10_000)
  expect(bytes).toBeLessThan(MOST_BYTES)
  await page.context().close()
})
