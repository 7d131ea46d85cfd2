// What anybody sees: the landing page with its simulation, pricing, and the documentation.
import { afterAll, beforeAll, describe, test } from 'vitest'
import type { Browser } from '@playwright/test'
import { PLANS } from '@mcpshield/contracts/plans'
import {
  api,
  expect,
  expectAccessible,
  expectNoSidewaysScroll,
  newPerson,
  openBrowser,
  openPage,
  world,
  type Page,
} from './browser.ts'

let browser: Browser

beforeAll(async () => {
  browser = await openBrowser()
})
afterAll(() => browser?.close())

/** Goes to a page, and waits until its scripts answer: Svelte keeps the handlers of an element in symbols of it. */
async function visit(page: Page, path: string): Promise<void> {
  await page.goto(path)
  await page.waitForFunction(() => {
    const theme = document.querySelector('footer select')
    return theme !== null && Object.getOwnPropertySymbols(theme).length > 0
  })
}

const policyOf = (page: Page) => page.getByRole('textbox', { name: 'Policy, as YAML' })
const callOf = (page: Page, text: string) =>
  page.getByRole('list', { name: 'Calls, newest first' }).getByRole('button').filter({ hasText: text })
const stateOf = (page: Page) => page.getByRole('group', { name: 'Simulation' }).getByRole('status')

describe('the simulation', () => {
  test('decides the calls by what is typed, as it is typed', async () => {
    const page = await openPage(browser)
    await visit(page, '/')
    await page.getByRole('button', { name: 'Pause' }).click()
    await expect(callOf(page, 'hr.salaries s')).toContainText('Denied')
    const text = await policyOf(page).inputValue()
    await policyOf(page).fill(text.replace("['analytics.*',", "['analytics.*', 'hr.*',"))
    await expect(callOf(page, 'hr.salaries s')).toContainText('Allowed')
    await expect(callOf(page, 'hr.salaries s')).toContainText('was denied')
    await policyOf(page).fill('version: 1\nrules: []\n')
    await expect(stateOf(page)).toContainText('0 of 16 sample calls are allowed, 16 denied')
    expect(page.errors).toEqual([])
  })

  test('says what is wrong with its line, and keeps the last good policy meanwhile', async () => {
    const page = await openPage(browser)
    await visit(page, '/')
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByRole('button', { name: 'Make a mistake' }).click()
    await expect(stateOf(page)).toContainText('Line 8')
    await expect(stateOf(page)).toContainText('the last good policy stays in force')
    await expect(policyOf(page)).toHaveAttribute('aria-invalid', 'true')
    await expect(callOf(page, 'group by country')).toContainText('Allowed')
    await page.getByRole('button', { name: 'Line 8' }).click()
    await expect(policyOf(page)).toBeFocused()
    const typedAt = await policyOf(page).evaluate(
      (field: HTMLTextAreaElement) => field.value.slice(0, field.selectionStart).split('\n').length,
    )
    expect(typedAt).toBe(8)
    await page.getByRole('button', { name: 'Begin anew' }).click()
    await expect(stateOf(page)).toContainText('6 of 16 sample calls are allowed, 8 denied and 2 held')
  })

  test('shows of a chosen call what it touches and what each rule made of it', async () => {
    const page = await openPage(browser)
    await visit(page, '/')
    await page.getByRole('button', { name: 'Pause' }).click()
    await callOf(page, 'with gone as').click()
    await expect(page.getByText('write analytics.visits', { exact: false })).toBeVisible()
    await expect(page.getByText('default decides:', { exact: false })).toBeVisible()
  })

  test('goes on by itself, stands still when told to, and where no motion is wanted', async () => {
    const page = await openPage(browser)
    await visit(page, '/')
    const newest = page.getByRole('list', { name: 'Calls, newest first' }).getByRole('listitem').first()
    const first = await newest.textContent()
    await newest.scrollIntoViewIfNeeded()
    await expect(newest).not.toHaveText(first ?? '')
    await page.getByRole('button', { name: 'Pause' }).click()
    await expect(page.getByRole('button', { name: 'Play' })).toBeVisible()
    await page.emulateMedia({ reducedMotion: 'reduce' })
    await visit(page, '/')
    await expect(page.getByRole('button', { name: 'Play' })).toBeVisible()
  })

  test('has its first decisions without any script', async () => {
    const context = await browser.newContext({ baseURL: world().web, javaScriptEnabled: false })
    const page = await context.newPage()
    await page.goto('/')
    await expect(callOf(page, '.ssh/id_ed25519')).toContainText('Denied')
    await expect(stateOf(page)).toContainText('6 of 16 sample calls are allowed')
    await context.close()
  })

  test('fetches its engine only when somebody comes near: the page has less than 120 kB of scripts', async ({
    skip,
  }) => {
    const page = await openPage(browser)
    const bytes: Promise<number>[] = []
    page.on('response', (response) => {
      if (response.request().resourceType() === 'script')
        bytes.push(
          response
            .request()
            .sizes()
            .then(({ responseBodySize }) => responseBodySize),
        )
    })
    await visit(page, '/')
    await page.waitForLoadState('networkidle')
    const isBuilt = await page.locator('link[href*="/_app/immutable/"]').count()
    if (isBuilt === 0) skip('These are the sources, not what is built.')
    const sum = async () => (await Promise.all(bytes)).reduce((total, each) => total + each, 0)
    const before = await sum()
    expect(before).toBeLessThan(120_000)
    await policyOf(page).hover()
    await expect.poll(sum).toBeGreaterThan(before + 50_000)
  })
})

describe('the landing page', () => {
  test('leads nowhere that is not there, and asks nobody else for anything', async () => {
    const page = await openPage(browser)
    const strangers: string[] = []
    page.on('request', (request) => {
      if (!request.url().startsWith(world().web) && !request.url().startsWith('data:'))
        strangers.push(request.url())
    })
    for (const path of ['/', '/pricing', '/docs']) {
      await visit(page, path)
      const links = await page
        .locator('a')
        .evaluateAll((all) => all.map((each) => each.getAttribute('href') ?? ''))
      expect(await brokenOf(page, links)).toEqual([])
    }
    expect(strangers).toEqual([])
  })

  test('knows who is signed in', async () => {
    const page = await openPage(browser)
    await visit(page, '/')
    await expect(page.getByRole('banner').getByRole('link', { name: 'Sign in' })).toBeVisible()
    const person = await newPerson('Lin')
    const own = await openPage(browser, { as: person })
    await visit(own, '/pricing')
    await expect(own.getByRole('banner').getByRole('link', { name: 'Sign in' })).toHaveCount(0)
    await own.getByRole('banner').getByRole('link', { name: 'To your projects' }).click()
    await expect(own).toHaveURL(/\/app\/projects$/)
  })

  test('keeps the theme that somebody chose', async () => {
    const page = await openPage(browser, { theme: 'light' })
    await visit(page, '/')
    const kept = page.waitForResponse('**/preferences')
    await page.getByLabel('Theme').selectOption('dark')
    await kept
    await visit(page, '/pricing')
    await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark')
  })
})

/** Those of our own pages that are not there, or lack the heading that is meant. */
async function brokenOf(page: Page, links: string[]): Promise<string[]> {
  const own = [...new Set(links)].filter((href) => href.startsWith('/') && !href.startsWith('/app'))
  const broken: string[] = []
  for (const href of own) {
    const [path = '', anchor] = href.split('#')
    const answer = await page.context().request.get(path)
    const html = await answer.text()
    if (answer.status() !== 200 || (anchor !== undefined && !html.includes(`id="${anchor}"`)))
      broken.push(href)
  }
  return broken
}

describe('the prices', () => {
  test('are those of the API, with what each plan includes', async () => {
    const page = await openPage(browser)
    await visit(page, '/pricing')
    const { items } = await api<{ items: { name: string }[] }>(undefined, 'GET', '/billing/plans')
    for (const { name } of items) await expect(page.getByRole('heading', { level: 2, name })).toBeVisible()
    const pro = page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: 'Pro' }) })
    await expect(pro).toContainText(`$${(PLANS.pro.price_monthly ?? 0) / 100}`)
    await expect(pro).toContainText('100,000')
    await expect(page.getByText('Nothing is cut off.', { exact: false })).toBeVisible()
  })
})

describe('the documentation', () => {
  test('is found by narrowing its pages, and by searching its texts', async () => {
    const page = await openPage(browser)
    await visit(page, '/docs')
    const search = page.getByRole('searchbox', { name: 'Search the documentation' })
    await search.fill('curs')
    const pages = page.getByRole('navigation', { name: 'Documentation' })
    await expect(pages.getByRole('link')).toHaveText(['Cursor'])
    await pages.getByRole('link', { name: 'Cursor' }).click()
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Connect Cursor')
    await expect(pages.getByRole('link', { name: 'Cursor' })).toHaveAttribute('aria-current', 'page')
    await search.fill('quarantine accepts')
    await search.press('Enter')
    await expect(page).toHaveURL(/\/docs\/search\?q=/)
    await page.getByRole('link', { name: 'Tools are what was approved' }).click()
    await expect(page).toHaveURL(/\/docs\/mcp#tools-are-what-was-approved$/)
    await expect(page.getByRole('heading', { name: 'Tools are what was approved' })).toBeInViewport()
  })

  test('has the configuration of a client to copy, with the address of this gateway', async () => {
    const page = await openPage(browser)
    await visit(page, '/docs/clients/cursor')
    const file = page.getByRole('figure').filter({ hasText: '~/.cursor/mcp.json' })
    await file.getByRole('button', { name: 'Copy' }).click()
    await expect(file.getByRole('button', { name: 'Copied' })).toBeVisible()
    const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText())) as {
      mcpServers: { mcpshield: { url: string } }
    }
    expect(copied.mcpServers.mcpshield.url).toBe(`${world().mcp.replace(/\/mcp$/, '')}/mcp`)
  })

  test('is read from page to page, each with the next', async () => {
    const page = await openPage(browser)
    await visit(page, '/docs/quick-start')
    await page.getByRole('navigation', { name: 'Pages beside this one' }).getByRole('link').click()
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Concepts')
    await page.getByRole('link', { name: /^Before/ }).click()
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Quick start')
  })

  test('says that a page is not there', async () => {
    const page = await openPage(browser)
    const answer = await page.goto('/docs/no-such-page')
    expect(answer?.status()).toBe(404)
    await expect(page.getByText('There is no such page.')).toBeVisible()
  })

  test('has the schema of the language for editors', async () => {
    const page = await openPage(browser)
    const schema = (await (
      await page.context().request.get('/docs/policy/policy.schema.json')
    ).json()) as object
    expect(schema).toMatchObject({ title: 'MCPShield policy' })
  })
})

describe('search engines', () => {
  test('are told of every public page, each with a title, a description and one address', async () => {
    const page = await openPage(browser)
    const { request } = page.context()
    expect(await (await request.get('/robots.txt')).text()).toContain(`Sitemap: ${world().web}/sitemap.xml`)
    const xml = await (await request.get('/sitemap.xml')).text()
    const addresses = [...xml.matchAll(/<loc>([^<]*)<\/loc>/g)].map(([, address]) => address ?? '')
    expect(addresses.length).toBeGreaterThan(60)
    const titles = new Set<string>()
    for (const address of addresses) {
      const answer = await request.get(address)
      const html = await answer.text()
      expect([address, answer.status()]).toEqual([address, 200])
      titles.add(/<title>([^<]*)<\/title>/.exec(html)?.[1] ?? '')
      expect([address, /<meta name="description" content="([^"]{20,})"/.test(html)]).toEqual([address, true])
      expect(html).toContain(`<link rel="canonical" href="${address}${address === world().web ? '/' : ''}"`)
      expect([address, html.match(/<h1[ >]/g)?.length]).toEqual([address, 1])
    }
    expect(titles.size).toBe(addresses.length)
  })
})

const SHOWN = [
  '/',
  '/pricing',
  '/docs',
  '/docs/mcp',
  '/docs/policy/cookbook/redis-cache',
  '/docs/clients/vs-code',
  '/docs/api/policies',
  '/docs/search?q=rate+limit',
]

describe.each(['light', 'dark'] as const)('in %s', (theme) => {
  test.each(SHOWN)('%s is accessible', async (path) => {
    const page = await openPage(browser, { theme })
    await visit(page, path)
    await expectAccessible(page)
  })

  test('a policy with a mistake is accessible', async () => {
    const page = await openPage(browser, { theme })
    await visit(page, '/')
    await page.getByRole('button', { name: 'Make a mistake' }).click()
    await expect(stateOf(page)).toContainText('Line 8')
    await expectAccessible(page)
  })
})

test.each([360, 1920])('no public page is wider than a window of %d px', async (width) => {
  const page = await openPage(browser, { width })
  for (const path of [...SHOWN, '/docs/policy/reference']) {
    await visit(page, path)
    await expectNoSidewaysScroll(page)
  }
})
