// What happened: the record, approvals, usage and the plan, as people work with them.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Browser } from '@playwright/test'
import { afterAll, beforeAll, beforeEach, describe, test } from 'vitest'
import { newAgent, type Agent, type Answer } from './agent.ts'
import {
  api,
  expect,
  expectAccessible,
  expectNoSidewaysScroll,
  mailed,
  newMember,
  newPerson,
  newProject,
  openBrowser,
  openPage,
  until,
  world,
  type Page,
  type Person,
} from './browser.ts'
import { visit } from './visit.ts'

const POLICY = `version: 1
default: deny
rules:
  - id: suppliers-by-hand
    tool: "sqlite.query"
    decision: ask
    conditions: { operations: [read], resources: ["suppliers", "main.suppliers"] }
    timeout: 10m
  - id: price-list
    tool: "sqlite.query"
    decision: allow
    conditions: { operations: [read], resources: ["products", "main.products"] }
    limits: { max_rows: 100 }
`
const REPORTED = 1_200
const ROW_PX = 34

type Approval = { id: string; state: string; arguments: { sql: string } }

let browser: Browser
let folder: string
let owner: Person
let viewer: Person
let project: { id: string; name: string }
let agent: Agent
/** Signed in once each: the product allows few sign-ins in a while. */
let ownersPage: Page & { errors: string[] }
let viewersPage: Page
let page: Page

const at = (path = '') => `/projects/${project.id}${path}`
const inApp = (path = '') => `/app${at(path)}`
const query = (sql: string) => agent.request('tools/call', { name: 'sqlite__query', arguments: { sql } })
const grid = () => page.getByRole('grid', { name: 'Calls, newest first' })
const rows = () =>
  grid()
    .getByRole('row')
    .filter({ has: page.getByRole('link') })

/** A call that waits for a person, and its answer. */
async function hold(sql: string): Promise<{ approval: Approval; answer: Promise<Answer> }> {
  const answer = query(sql)
  const approval = await until(async () => {
    const { items } = await api<{ items: Approval[] }>(owner.token, 'GET', at('/approvals?state=pending'))
    const found = items.find(({ arguments: args }) => args.sql === sql)
    if (found === undefined) throw new Error('It is not held yet.')
    return found
  })
  return { approval, answer }
}

beforeAll(async () => {
  browser = await openBrowser()
  folder = mkdtempSync(join(tmpdir(), 'mcpshield-records-'))
  const database = new DatabaseSync(join(folder, 'shop.sqlite'))
  database.exec(`create table products (name text, price integer); insert into products values ('Pencil', 120);
    create table suppliers (id integer, name text); insert into suppliers values (1, 'Example Paper')`)
  database.close()
  owner = await newPerson('Olga')
  viewer = await newMember(owner, 'viewer')
  project = await newProject(owner)
  await api(owner.token, 'POST', at('/connections'), {
    name: 'shop',
    kind: 'sqlite',
    path: join(folder, 'shop.sqlite'),
  })
  const { version } = await api<{ version: number }>(owner.token, 'GET', at('/policy'))
  await api(owner.token, 'PUT', at('/policy'), { policy_yaml: POLICY }, { 'if-match': `"${version}"` })
  const key = await api<{ api_key: string }>(owner.token, 'POST', at('/keys'), { name: 'nightly-report' })
  await report(key.api_key)
  agent = await newAgent(key.api_key, 'night-agent')
  await query('select name from products')
  await query('drop table products')
  ownersPage = await openPage(browser, { as: owner })
  viewersPage = await openPage(browser, { as: viewer })
}, 120_000)
afterAll(async () => {
  await browser?.close()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(() => {
  page = ownersPage
})

async function report(apiKey: string): Promise<void> {
  const startMs = Date.now() - REPORTED * 1_000
  const events = Array.from({ length: REPORTED }, (_, each) => ({
    event_id: randomUUID(),
    type: 'policy_check',
    tool: `files.read_${each % 7}`,
    decision: each % 2 === 0 ? 'allow' : 'deny',
    rule: 'reported',
    timestamp: new Date(startMs + each * 1_000).toISOString(),
    metadata: { number: each },
  }))
  for (let from = 0; from < events.length; from += 1_000) {
    const send = () =>
      api(
        undefined,
        'POST',
        '/events/ingest',
        { events: events.slice(from, from + 1_000) },
        { 'x-api-key': apiKey },
      )
    await until(send)
  }
}

describe('audits', () => {
  test('show a call with what it touched, why, and what came of it', async () => {
    await visit(page, '/app/audits?agent=night-agent')
    await rows().filter({ hasText: 'allow' }).getByRole('link').click()
    await expect(page).toHaveURL(/\/app\/audits\/[0-9a-f-]{36}\?agent=night-agent$/)
    const call = page.getByRole('article', { name: 'sqlite.query' })
    await expect(call.getByRole('region', { name: 'What it touched' })).toContainText('products')
    await expect(call.getByRole('region', { name: 'Arguments', exact: true }).last()).toContainText(
      'select name from products',
    )
    await expect(call.getByRole('region', { name: 'What came of it' })).toContainText('It ran.')
    await expect(call.getByRole('link', { name: 'nightly-report' })).toHaveAttribute('href', inApp('/keys'))
    await expect(call.getByRole('link', { name: 'Version 2' })).toHaveAttribute(
      'href',
      inApp('/policy/versions/2'),
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
      await expect(page.getByText(`${REPORTED} calls`)).toBeVisible({ timeout: 500 })
    })
    await expect(rows().last()).toContainText('files.read_0')
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
    await expect(call.getByRole('region', { name: 'Arguments', exact: true }).last()).toContainText('1198')
    await page.keyboard.press('j')
    await expect(call.getByRole('region', { name: 'Arguments', exact: true }).last()).toContainText('1197')
    await page.keyboard.press('Escape')
    await expect(call).toHaveCount(0)
    await expect(grid()).toBeFocused()
  })

  test('followed live show a call when it happens, if the filters do', async () => {
    await visit(page, '/app/audits?decision=deny&tool=sqlite.*')
    await expect(rows()).toHaveCount(1)
    await page.getByRole('button', { name: 'Follow live' }).click()
    await expect(page.getByText('following', { exact: false }).last()).toBeVisible()
    await query('select name from products')
    await query('delete from suppliers where id = 77')
    await expect(rows().first()).toContainText('write suppliers')
    await expect(rows()).toHaveCount(2)
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
    const { items } = await api<{ items: { id: string }[] }>(owner.token, 'GET', '/audits?limit=1')
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

describe('approvals', () => {
  test('are reached by the link in the mail, and approving lets the call run, once', async () => {
    const sql = 'select name from suppliers where id = 1'
    const { approval, answer } = await hold(sql)
    const link = await mailed(owner.email, ({ Text }) => /https?:\/\/\S*\/approvals\/\S+/.exec(Text)?.[0])
    await visit(page, new URL(link).pathname)
    await expect(page).toHaveURL(new RegExp(inApp(`/approvals/${approval.id}`)))
    const held = page.getByRole('article', { name: 'sqlite.query' })
    await expect(held).toContainText('exactly as they will run')
    await expect(held.getByRole('region', { name: /^Arguments/ })).toContainText(sql)
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
    await visit(page, inApp('/approvals'))
    await expect(page.getByText('No call waits')).toBeVisible()
    const { answer } = await hold('select name from suppliers where id = 2')
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
    const { approval, answer } = await hold('select name from suppliers where id = 3')
    await visit(page, inApp(`/approvals/${approval.id}`))
    await page.getByRole('button', { name: 'Approve…' }).click()
    await api(owner.token, 'POST', at(`/approvals/${approval.id}/refuse`), {})
    await page.getByRole('dialog').getByRole('button', { name: 'Approve' }).click()
    await expect(page.getByRole('alert')).toContainText('refused')
    await page.getByRole('dialog').getByRole('button', { name: 'Close', exact: true }).last().click()
    await expect(page.getByRole('article')).toContainText('It was refused and did not run.')
    await answer
  })

  test('are shown to a viewer, who may not decide them', async () => {
    const { approval, answer } = await hold("select name from suppliers where name = 'AKIAIOSFODNN7EXAMPLZ'")
    page = viewersPage
    await visit(page, inApp('/approvals'))
    const held = page.getByRole('article')
    await expect(held).toContainText('without what looks like a secret')
    await expect(held.getByRole('button', { name: /^Approve/ })).toHaveAttribute('aria-disabled', 'true')
    await held.focus()
    await page.keyboard.press('a')
    await expect(page.getByRole('dialog')).toHaveCount(0)
    await visit(page, inApp(`/approvals/${approval.id}`))
    await expect(held).toContainText('Your role here is viewer')
    await api(owner.token, 'POST', at(`/approvals/${approval.id}/refuse`), {})
    await answer
  })

  test('are decided without scripts', async () => {
    const { approval, answer } = await hold('select name from suppliers where id = 4')
    const context = await browser.newContext({
      baseURL: world().web,
      javaScriptEnabled: false,
      storageState: await page.context().storageState(),
    })
    const plain = await context.newPage()
    await plain.goto(inApp(`/approvals/${approval.id}`))
    await plain.getByLabel('Note').fill('Not today.')
    await plain.getByRole('button', { name: 'Refuse…' }).click()
    await expect(plain.getByRole('article')).toContainText('It was refused and did not run.')
    await expect(plain.getByRole('article')).toContainText('Not today.')
    await context.close()
    await answer
  })

  test('that are not there are a page that says so', async () => {
    const response = await page.goto(inApp(`/approvals/${randomUUID()}`))
    expect(response?.status()).toBe(404)
  })
})

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
    await expect(month.getByRole('cell').first()).toHaveText(/^6\d\d$/)
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
    await newProject(owner, 'Second')
    await visit(page, '/app/billing?change=free')
    await expect(page.locator('#change')).toContainText('delete 1 first')
    await expect(page.locator('#change').getByRole('button', { name: /^Downgrade/ })).toHaveAttribute(
      'aria-disabled',
      'true',
    )
  })

  test('is seen by a viewer, who may not change it and sees no invoices', async () => {
    page = viewersPage
    await visit(page, '/app/billing')
    const upgrade = page.getByRole('button', { name: /^Upgrade to Enterprise/ })
    await expect(upgrade).toHaveAttribute('aria-disabled', 'true')
    await expect(page.getByRole('region', { name: 'Invoices' })).toContainText('Your role here is viewer')
    await expect(page.getByText('The running period')).toHaveCount(0)
  })
})

describe('every page', () => {
  let waiting: { approval: Approval; answer: Promise<Answer> }
  beforeAll(async () => {
    waiting = await hold('select name from suppliers where id = 9')
  })
  afterAll(async () => {
    await api(owner.token, 'POST', at(`/approvals/${waiting.approval.id}/refuse`), {})
    await waiting.answer
  })

  const pages: Record<string, () => string | Promise<string>> = {
    audits: () => '/app/audits',
    'one call': async () => {
      const { items } = await api<{ items: { id: string }[] }>(
        owner.token,
        'GET',
        '/audits?limit=1&tool=sqlite*',
      )
      return `/app/audits/${items[0]?.id}`
    },
    approvals: () => inApp('/approvals'),
    'one approval': () => inApp(`/approvals/${waiting.approval.id}`),
    usage: () => '/app/usage',
    billing: () => '/app/billing?change=free&period=monthly',
  }
  test.for(Object.keys(pages))('is accessible in both themes, and fits a phone: %s', async (name) => {
    const path = await pages[name]!()
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await visit(page, path)
      if (name === 'one call') {
        await page.getByRole('button', { name: 'Go through the rules' }).click()
        await expect(page.getByRole('list', { name: /^Rules/ })).toBeVisible()
      }
      await expectAccessible(page)
    }
    await page.setViewportSize({ width: 360, height: 800 })
    await visit(page, path)
    await expectNoSidewaysScroll(page)
    await expectAccessible(page)
    await page.setViewportSize({ width: 1280, height: 900 })
    await page.emulateMedia({ colorScheme: 'light' })
  })

  test('has a dialog that is accessible, too', async () => {
    await visit(page, inApp(`/approvals/${waiting.approval.id}`))
    await page.getByRole('button', { name: 'Approve…' }).click()
    await expect(page.getByRole('dialog')).toBeVisible()
    await expectAccessible(page)
    await page.keyboard.press('Escape')
    await expect(page.getByRole('dialog')).toHaveCount(0)
  })

  test('has raised no error in the browser', () => {
    expect(ownersPage.errors).toEqual([])
  })
})
