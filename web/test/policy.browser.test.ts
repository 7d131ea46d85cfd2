// Writing a policy: by text, by form, with the engine's word on it; trying, simulating, saving, going back.
import { afterAll, beforeAll, describe, test } from 'vitest'
import type { Browser, BrowserContext, Locator } from '@playwright/test'
import {
  api,
  expect,
  expectAccessible,
  expectNoSidewaysScroll,
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

const POLICY = `# What agents may do.
version: 1
rules:
  # Orders are for everybody.
  - id: read-orders
    tool: postgres.query
    decision: allow
    conditions: { operations: [read], resources: ["public.orders"] }

  - id: no-secrets
    tool: "*"
    decision: deny
    conditions: { resources: ["*.secrets"] }
tests:
  - name: orders are read
    call: { tool: postgres.query, arguments: { sql: select id from public.orders } }
    expect: allow
`

let browser: Browser
let ada: Person
let adasBrowser: BrowserContext
let project: string

beforeAll(async () => {
  browser = await openBrowser()
  ada = await newPerson()
  adasBrowser = (await openPage(browser, { as: ada })).context()
  project = (await newProject(ada)).id
}, 60_000)
afterAll(() => browser?.close())

type Saved = { version: number; policy_yaml: string }

/** The project's policy is that from now on; returns the number of its version. */
async function given(policy_yaml = POLICY, note = 'By the API'): Promise<number> {
  const { version } = await inForce()
  const match = { 'if-match': `"${version}"` }
  const saved = await api<Saved>(ada.token, 'PUT', policyPath(), { policy_yaml, note }, match)
  return saved.version
}

const policyPath = () => `/projects/${project}/policy`
const inForce = () => api<Saved>(ada.token, 'GET', policyPath())

type Watched = Page & { errors: string[] }

/** A tab of the signed-in browser: drafts of other tabs are not in it. */
async function openPolicy(path = '', context = adasBrowser): Promise<Watched> {
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  await page.goto(`/app${policyPath()}${path}`)
  // What is clicked before it is live is a plain form.
  await page.waitForLoadState('networkidle')
  if (path === '') await ready(page)
  return Object.assign(page, { errors })
}

/** The editor has taken the text area's place. */
const ready = (page: Page) => expect(page.locator('.cm-editor')).toBeVisible({ timeout: 20_000 })

const editor = (page: Page): Locator => page.getByRole('textbox', { name: /^Policy of / })
const dialog = (page: Page): Locator => page.getByRole('dialog')
const card = (page: Page, name: string): Locator => page.getByRole('region', { name, exact: true })

/** Types at the end of the text. */
async function typeAtEnd(page: Page, text: string): Promise<void> {
  await editor(page).click()
  await page.keyboard.press('Control+End')
  await page.keyboard.insertText(text)
}

describe('the editor', () => {
  test('marks a mistake while it is typed, mends it by its fix, and saves nothing with an error', async () => {
    await given()
    const page = await openPolicy()
    await typeAtEnd(page, 'defualt: deny\n')
    await expect(page.getByText('There is no key `defualt`')).toBeVisible()
    await expect(page.locator('.cm-lintRange-error')).toHaveText('defualt')
    await expect(page.getByRole('button', { name: /^Review and save \(Mend the error first/ })).toBeVisible()
    // The mark is drawn anew while the text is checked.
    await expect(async () => {
      await editor(page).focus()
      await page.keyboard.press('F8')
      await page.getByRole('button', { name: 'Action: Mend' }).click({ timeout: 2_000 })
    }).toPass({ timeout: 20_000 })
    await expect(editor(page)).toContainText('default: deny')
    await expect(page.getByText('There is no key `defualt`')).toBeHidden()
    await expect(page.getByRole('button', { name: 'Review and save', exact: true })).toBeEnabled()
    expect(page.errors).toEqual([])
  })

  test('proposes what fits the place, by the engine’s own schema', async () => {
    const page = await openPolicy()
    await editor(page).click()
    await page.keyboard.press('Control+a')
    await page.keyboard.insertText('version: 1\nrules:\n  - tool: postgres.query\n')
    await page.keyboard.type('    deci')
    const proposals = page.getByRole('listbox', { name: 'Completions' }).getByRole('option')
    await proposals.filter({ hasText: 'decision' }).click()
    await expect(proposals).toHaveText(['allow', 'deny', 'ask'])
    await proposals.filter({ hasText: 'deny' }).click()
    await expect(editor(page)).toContainText('decision: deny')
  })

  test('lets the keyboard out', async () => {
    await given()
    const page = await openPolicy()
    await editor(page).focus()
    await page.keyboard.press('Tab')
    await expect(editor(page)).toBeFocused()
    await page.keyboard.press('Escape')
    await page.keyboard.press('Tab')
    await expect(editor(page)).not.toBeFocused()
    await editor(page).focus()
    await page.keyboard.press('Control+f')
    await expect(page.getByRole('textbox', { name: 'Find' })).toBeFocused()
  })

  test('without JavaScript is a text area that saves', async () => {
    const version = await given()
    const context = await browser.newContext({
      baseURL: world().web,
      javaScriptEnabled: false,
      storageState: await adasBrowser.storageState(),
    })
    const page = await context.newPage()
    await page.goto(`/app${policyPath()}`)
    await editor(page).fill('version: 1\nrules: []\n')
    await page.getByLabel('Note').fill('By hand')
    await page.getByRole('button', { name: 'Review and save' }).click()
    await expect(page.getByText(`Version ${version + 1} is in force.`)).toBeVisible()
    expect((await inForce()).policy_yaml).toBe('version: 1\nrules: []\n')
    await context.close()
  })
})

describe('the form', () => {
  test('changes the rule in the text and leaves the rest as it was', async () => {
    const version = await given()
    const page = await openPolicy()
    await page.getByRole('button', { name: 'Edit read-orders' }).click()
    const form = page.getByRole('form', { name: 'Rule read-orders' })
    await form.getByLabel('Tables, collections or keys').fill('public.orders, public.customers')
    await form.getByText('Redaction').click()
    await form.getByRole('checkbox', { name: 'email' }).check()
    await form.getByRole('button', { name: 'Apply to the text' }).click()
    await expect(editor(page)).toContainText('redact: [email]')
    await page.getByRole('button', { name: 'Review and save' }).click()
    await dialog(page)
      .getByRole('button', { name: `Save version ${version + 1}` })
      .click()
    await expect(page.getByText(`Version ${version + 1} is in force.`).first()).toBeVisible()
    expect((await inForce()).policy_yaml).toBe(
      POLICY.replace('["public.orders"] }\n', '["public.orders", public.customers] }\n    redact: [email]\n'),
    )
  })

  test('adds, moves and removes rules', async () => {
    await given()
    const page = await openPolicy()
    await page.getByRole('combobox', { name: 'Add a rule' }).selectOption('Read one folder')
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByRole('form', { name: 'Rule read-folder' }).getByRole('button', { name: 'Cancel' }).click()
    await page.getByRole('button', { name: 'Move read-folder up' }).click()
    await expect(page.getByRole('button', { name: 'Move read-folder up' })).toBeFocused()
    const rules = card(page, 'Rules').getByRole('listitem')
    await expect(rules.nth(1)).toContainText('read-folder')
    await page.getByRole('button', { name: 'Remove no-secrets' }).click()
    await expect(rules).toHaveCount(2)
    await expect(editor(page)).not.toContainText('no-secrets')
  })
})

describe('saving', () => {
  test('shows what changes first, and keeps the note with the version', async () => {
    const version = await given()
    const page = await openPolicy()
    await typeAtEnd(page, '# The end.\n')
    await page.keyboard.press('Control+s')
    await expect(dialog(page)).toContainText('1 line added, 0 removed')
    await expect(dialog(page).getByRole('cell', { name: '# The end.' }).first()).toBeVisible()
    await dialog(page).getByLabel('Note').fill('A last word')
    await dialog(page)
      .getByRole('button', { name: `Save version ${version + 1}` })
      .click()
    await expect(page.getByText(`Version ${version + 1} in force`)).toBeVisible()
    await page.getByRole('link', { name: 'Versions' }).click()
    await expect(
      page.getByRole('row', { name: `Version ${version + 1} in force A last word Ada Person` }),
    ).toBeVisible()
  })

  test('over somebody else’s version is refused, shown, and can be done knowingly', async () => {
    const version = await given()
    const page = await openPolicy()
    await typeAtEnd(page, '# Mine.\n')
    await given(`${POLICY}# Theirs.\n`, 'Meanwhile')
    await page.getByRole('button', { name: 'Review and save' }).click()
    await dialog(page)
      .getByRole('button', { name: `Save version ${version + 1}` })
      .click()
    await expect(dialog(page)).toContainText(`Ada Person saved version ${version + 1}`)
    await expect(dialog(page)).toContainText(`(“Meanwhile”) while you worked from version ${version}`)
    await expect(dialog(page).getByRole('cell', { name: 'removed: # Theirs.' }).first()).toBeVisible()
    expect((await inForce()).policy_yaml).toContain('# Theirs.')
    await dialog(page)
      .getByRole('button', { name: `Save mine as version ${version + 2}` })
      .click()
    await expect(page.getByText(`Version ${version + 2} in force`)).toBeVisible()
    expect((await inForce()).policy_yaml).toBe(`${POLICY}# Mine.\n`)
  })

  test('waits for the policy’s own tests, which run while one types', async () => {
    await given()
    const page = await openPolicy()
    const tests = card(page, 'Tests')
    await expect(tests.getByText('passes')).toBeVisible()
    await typeAtEnd(
      page,
      '  - { name: all is denied, call: { tool: postgres.query, arguments: { sql: select id from public.orders } }, expect: deny }\n',
    )
    await expect(tests.getByText('fails', { exact: true })).toBeVisible()
    await expect(tests).toContainText('expects deny, but it is allow by read-orders')
    await expect(page.getByRole('button', { name: /^Review and save \(Mend the error first/ })).toBeVisible()
  })

  test('a draft outlives a reload, and is not left behind without a word', async () => {
    await given()
    const page = await openPolicy()
    await typeAtEnd(page, '# A draft.\n')
    await expect(page.getByText('Unsaved changes')).toBeVisible()
    await page.getByRole('link', { name: 'Try a call' }).click()
    await expect(page).toHaveURL(/\/policy\/try$/)
    await page.getByRole('link', { name: 'Edit', exact: true }).click()
    await expect(page).toHaveURL(/\/policy$/)
    await expect(editor(page)).toContainText('# A draft.')
    await page.getByRole('link', { name: 'Keys' }).click()
    await expect(dialog(page)).toContainText('Leave with unsaved changes?')
    await dialog(page).getByRole('button', { name: 'Leave and keep the draft' }).click()
    await expect(page).toHaveURL(/\/keys$/)
    await page.getByRole('link', { name: 'Policy' }).click()
    await expect(page.getByText('A draft that you left here is back')).toBeVisible()
    page.on('dialog', (asked) => void asked.accept())
    await page.reload()
    await expect(editor(page)).toContainText('# A draft.')
    await page.getByRole('button', { name: /Throw it away/ }).click()
    await expect(editor(page)).not.toContainText('# A draft.')
  })
})

describe('trying a call', () => {
  test('tells what the gateway decides from the SQL, and makes a test of it', async () => {
    await given()
    const page = await openPolicy('/try')
    await page.getByLabel('Tool').fill('postgres.query')
    const decides = card(page, 'What the gateway decides')
    await page.getByLabel('Arguments, as JSON').fill('{ "sql": "select id from public.orders" }')
    await expect(decides).toContainText('A read of public.orders is allowed by rule read-orders.')
    await page.getByLabel('Arguments, as JSON').fill('{ "sql": "select * from hr.secrets" }')
    await expect(decides).toContainText('A read of hr.secrets is denied by rule no-secrets.')
    await decides.getByRole('button', { name: 'Make a test of it' }).click()
    await page.getByRole('link', { name: 'Edit', exact: true }).click()
    await expect(card(page, 'Tests')).toContainText('postgres.query is denied by no-secrets')
  })

  test('shows what each rule makes of what the call is said to touch', async () => {
    await given()
    const page = await openPolicy('/try')
    await page.getByLabel('Tool').fill('postgres.query')
    const trace = card(page, 'What each rule makes of it')
    await expect(trace).toContainText('may hold')
    await page.getByRole('radio', { name: 'Say it by hand' }).check()
    await page.getByRole('button', { name: 'Add data it touches' }).click()
    await page.getByLabel('Table, collection or key').fill('public.orders')
    await expect(trace.getByRole('listitem').first()).toContainText('read-orders')
    await expect(trace.getByRole('listitem').first()).toContainText('holds, decided')
    await page.getByLabel('Arguments, as JSON').fill('{')
    await expect(page.getByText('This is not JSON')).toBeVisible()
  })
})

describe('simulating', () => {
  test('lists the calls that a draft would decide otherwise, each with its record', async () => {
    const version = await given(POLICY.slice(0, POLICY.indexOf('tests:')))
    const { api_key: key } = await api<{ api_key: string }>(ada.token, 'POST', `/projects/${project}/keys`, {
      name: 'ci',
    })
    const call = (sql: string) =>
      api<{ decision: string }>(
        undefined,
        'POST',
        '/policy/evaluate',
        {
          tool: 'postgres.query',
          arguments: { sql },
        },
        { 'x-api-key': key },
      )
    // A new key is known to every decision point within a second.
    await until(() => call('select id from public.orders'))
    expect((await call('select id from public.customers')).decision).toBe('deny')
    await expect
      .poll(
        async () =>
          (await api<{ items: [] }>(ada.token, 'GET', `/audits?project_id=${project}&tool=postgres.query`))
            .items.length,
        { timeout: 15_000 },
      )
      .toBe(2)
    const page = await openPolicy()
    await page.getByRole('button', { name: 'Edit read-orders' }).click()
    await page.getByLabel('Tables, collections or keys').fill('public.customers')
    await page.getByRole('button', { name: 'Apply to the text' }).click()
    await expect(page.getByText('Unsaved changes')).toBeVisible()
    await page.getByRole('link', { name: 'Simulate' }).click()
    await page.getByRole('button', { name: 'Simulate' }).click()
    await expect(page.getByText('Was denied and would go through')).toBeVisible({ timeout: 30_000 })
    const opened = page.getByRole('table', { name: 'Calls whose decision would become allow from deny' })
    await expect(opened.getByRole('row')).toHaveCount(2)
    await expect(opened).toContainText('A read of public.customers is allowed by rule read-orders.')
    const closed = page.getByRole('table', { name: 'Calls whose decision would become deny from allow' })
    await expect(closed.getByRole('row')).toHaveCount(2)
    await expect(opened.getByRole('link')).toHaveAttribute('href', /\/app\/audits\/[0-9a-f-]{36}$/)
    // Nothing changes by what is in force.
    await page.getByLabel('Policy', { exact: true }).selectOption(`Version ${version}`)
    await page.getByRole('button', { name: 'Simulate' }).click()
    await expect(page.getByText('No decision would change.')).toBeVisible({ timeout: 30_000 })
  })

  test('of a text with an error says where it is', async () => {
    await given()
    const page = await openPolicy()
    await typeAtEnd(page, 'nonsense: 1\n')
    await expect(page.getByText('There is no key `nonsense`')).toBeVisible()
    await page.getByRole('link', { name: 'Simulate' }).click()
    await page.getByRole('button', { name: 'Simulate' }).click()
    await expect(page.getByRole('alert')).toContainText('There is no key `nonsense`')
  })
})

describe('versions', () => {
  test('are compared by a link, and rolled back to after a look', async () => {
    const first = await given()
    const second = await given(POLICY.replace('decision: deny', 'decision: ask'), 'Ask instead')
    const page = await openPolicy(`/versions?from=${first}&to=${second}`)
    await expect(page.getByRole('cell', { name: 'added: decision: ask' }).first()).toBeVisible()
    await page.getByRole('link', { name: `Version ${first}`, exact: true }).click()
    await expect(page.getByRole('heading', { name: `Version ${first}` })).toBeVisible()
    await page.getByRole('button', { name: 'Roll back to it' }).click()
    await expect(dialog(page)).toContainText(`Roll back to version ${first}?`)
    await expect(dialog(page).getByRole('cell', { name: 'removed: decision: ask' }).first()).toBeVisible()
    await dialog(page).getByRole('button', { name: 'Roll back', exact: true }).click()
    await expect(page.getByText(`Version ${second + 1} in force`).first()).toBeVisible()
    expect((await inForce()).policy_yaml).toBe(POLICY)
  })

  test('that are none are not found', async () => {
    await given()
    const page = await openPolicy('/versions/9999')
    await expect(page.getByRole('heading', { level: 1 })).not.toHaveText('Policy')
  })
})

describe('a viewer', () => {
  test('reads all of it and changes nothing, with the reason', async () => {
    const version = await given()
    const viewer = await newMember(ada, 'viewer')
    const context = (await openPage(browser, { as: viewer })).context()
    const page = await openPolicy('', context)
    await expect(page.getByText('You can read the policy. Your role here is viewer')).toBeVisible()
    await editor(page).click()
    await page.keyboard.type('x')
    await expect(page.getByText('Unsaved changes')).toBeHidden()
    for (const name of [/^Review and save/, /^Edit read-orders/, /^Add \(/])
      await expect(page.getByRole('button', { name })).toHaveAttribute('aria-disabled', 'true')
    await page.goto(`/app${policyPath()}/versions/1`)
    await expect(page.getByRole('button', { name: /^Roll back to it \(Your role/ })).toBeVisible()
    const answer = await page.context().request.post(`/app${policyPath()}?/save`, {
      form: { policy_yaml: 'version: 1\n', base: String(version) },
      headers: { origin: world().web, accept: 'application/json' },
    })
    expect(await answer.json()).toMatchObject({ type: 'failure', status: 403 })
    expect((await inForce()).version).toBe(version)
  })
})

test('the organisation’s policy is shown above, and its rules decide first', async () => {
  await given()
  const rules = 'version: 1\nrules:\n  - { id: no-mail, tool: "mail/*", decision: deny }\n'
  const above = (policy_yaml: string, version: string) =>
    api(ada.token, 'PUT', '/organization/policy', { policy_yaml }, { 'if-match': `"${version}"` })
  await above(rules, '0')
  const page = await openPolicy('/try')
  await page.getByText('The organisation’s policy stands above this one').click()
  await expect(page.getByText('id: no-mail')).toBeVisible()
  await page.getByLabel('Tool').fill('mail/send')
  await expect(card(page, 'What the gateway decides')).toContainText('organization/no-mail')
  await expect(card(page, 'What each rule makes of it')).toContainText('organization/no-mail')
})

describe.each(['light', 'dark'] as const)('in %s', (theme) => {
  test('each part is accessible', async () => {
    await given()
    const page = await openPolicy()
    await page.emulateMedia({ colorScheme: theme })
    await page.getByRole('button', { name: 'Edit read-orders' }).click()
    await typeAtEnd(page, '# More.\n')
    await expect(card(page, 'Tests').getByText('passes')).toBeVisible()
    await expectAccessible(page)
    await page.getByRole('button', { name: 'Review and save' }).click()
    await expect(dialog(page)).toContainText('1 line added')
    await expectAccessible(page)
    await dialog(page).getByRole('button', { name: 'Keep editing' }).click()
    await page.getByRole('button', { name: 'Discard changes' }).click()
    for (const part of ['Try a call', 'Simulate', 'Versions']) {
      await page.getByRole('link', { name: part }).click()
      await expect(page.getByRole('link', { name: part })).toHaveAttribute('aria-current', 'page')
      await page.waitForLoadState('networkidle')
      await expectAccessible(page)
    }
    await page.goto(`/app${policyPath()}/versions/1`)
    await page.waitForLoadState('networkidle')
    await page.getByRole('button', { name: 'Roll back to it' }).click()
    await expect(dialog(page)).toBeVisible()
    await expectAccessible(page)
    expect(page.errors).toEqual([])
  }, 120_000)
})

test('each part fits a phone', async () => {
  await given()
  const page = await openPolicy()
  await page.setViewportSize({ width: 360, height: 800 })
  await page.getByRole('button', { name: 'Edit read-orders' }).click()
  await expectNoSidewaysScroll(page)
  await expectAccessible(page)
  for (const path of ['/try', '/simulate', '/versions?from=1&to=2', '/versions/2']) {
    await page.goto(`/app${policyPath()}${path}`)
    await expectNoSidewaysScroll(page)
  }
}, 120_000)
