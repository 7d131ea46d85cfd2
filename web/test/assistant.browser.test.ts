// The assistant, as people work with it: what it proposes, what that would open, and that nothing is saved but by a person.
import type { Browser } from '@playwright/test'
import { hangs, refuses, says } from '@mcpshield/testkit/ollama-server'
import { afterAll, beforeAll, describe, test } from 'vitest'
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
  type Page,
  type Person,
} from './browser.ts'
import { startModel } from './model.ts'
import { revisit, visit } from './visit.ts'

const ORDERS = {
  reply: 'I propose to allow reads of public.orders.',
  rules: [
    {
      id: 'read-orders',
      tool: 'postgres.query',
      decision: 'allow',
      conditions: { operations: ['read'], resources: ['public.orders'] },
    },
  ],
  tests: [],
}

let browser: Browser
let owner: Person
let project: string
let page: Page & { errors: string[] }
const at = () => `/app/projects/${project}/assistant`
const policy = () =>
  api<{ version: number; policy_yaml: string }>(owner.token, 'GET', `/projects/${project}/policy`)

beforeAll(async () => {
  ;[browser, owner] = await Promise.all([openBrowser(), newPerson('Asta')])
  project = (await newProject(owner)).id
  page = await openPage(browser, { as: owner, width: 1440 })
}, 60_000)
afterAll(() => browser?.close())

const draft = () => page.getByRole('region', { name: 'Draft', exact: true })
const opened = () => draft().getByRole('group', { name: 'Would newly be allowed' })

/** The state of the model is looked at every few seconds. */
async function untilAnsweredBy(who: RegExp, on = page): Promise<void> {
  await expect(async () => {
    await visit(on, new URL(on.url()).pathname)
    await expect(on.getByText(who)).toBeVisible({ timeout: 500 })
  }).toPass({ timeout: 20_000 })
}
const MODEL = /^Model: phi3:mini/
const TEMPLATES = /^Answers: built-in templates/

async function ask(text: string): Promise<void> {
  await page.getByRole('textbox', { name: 'Draft a policy' }).fill(text)
  await page.keyboard.press('Enter')
}

describe('without a model', () => {
  test('built-in templates answer, say so, and do not count', async () => {
    await visit(page, at())
    await expect(page.getByText('Built-in templates answer instead.')).toBeVisible()
    await expect(page.getByText('0 of 3 uses this month')).toBeVisible()
    await ask('Agents may only read the table public.orders')
    await expect(page.getByRole('log')).toContainText('No language model was used')
    await expect(page.getByRole('log')).toContainText('It does not count against the plan.')
    await expect(draft()).toContainText('no model was asked. Nothing is saved.')
    await expect(opened()).toContainText('public.orders')
    await expect(draft().getByText(/^Tests: all \d+ pass$/)).toBeVisible()
    await expect(draft().getByRole('region', { name: 'Difference' })).toContainText('public.orders')
    await expectAccessible(page)
  })

  test('nothing is saved until a person has read what it opens, and says so', async () => {
    const before = await policy()
    await draft()
      .getByRole('button', { name: /^Save as version/ })
      .click()
    const dialog = page.getByRole('dialog', { name: `Save as version ${before.version + 1}` })
    await expect(dialog.getByRole('group', { name: 'Would newly be allowed' })).toContainText('public.orders')
    const save = dialog.getByRole('button', { name: /^Save version/ })
    await expect(save).toHaveAttribute('aria-disabled', 'true')
    await save.press('Enter')
    expect(await policy()).toMatchObject({ version: before.version })
    await expectAccessible(page)
    await dialog.getByLabel('I have read what would newly be allowed').check()
    await dialog.getByLabel('Note').fill('Orders, for reading')
    await save.click()
    await expect(draft().getByText(`Version ${before.version + 1} is in force.`)).toBeVisible()
    expect((await policy()).policy_yaml).toContain('public.orders')
    await expect(draft().getByRole('button', { name: /^Save as version/ })).toHaveAttribute(
      'title',
      /It is saved as version/,
    )
  })

  test('a draft goes into the editor as if it had been typed there', async () => {
    await visit(page, at())
    await ask('Agents may only read the table public.products')
    await expect(opened()).toContainText('public.products')
    await draft().getByRole('button', { name: 'Open in the editor' }).click()
    await expect(page.getByRole('heading', { level: 1, name: 'Policy' })).toBeVisible()
    await expect(page.getByText('A draft that you left here is back')).toBeVisible()
    await expect(page.getByRole('textbox', { name: /^Policy of / })).toContainText('public.products')
    expect((await policy()).policy_yaml).not.toContain('public.products')
    page.once('dialog', (dialog) => void dialog.accept())
    await page.evaluate(() => sessionStorage.clear())
  })

  test('what was said is remembered, and forgotten when one says so', async () => {
    const fresh = await page.context().newPage()
    await fresh.goto(at())
    await fresh.getByText(/^Earlier conversations \(2\)/).click()
    const kept = fresh.getByRole('link', { name: /public\.products/ })
    await kept.click()
    await expect(fresh.getByRole('log')).toContainText('Agents may only read the table public.products')
    await fresh.getByText('The draft of then').click()
    await expect(fresh.getByRole('log')).toContainText('version: 1')
    await fresh.goto(at())
    await fresh.getByText(/^Earlier conversations/).click()
    await fresh.getByRole('button', { name: /^Forget .*public\.products/ }).click()
    await fresh.getByRole('dialog').getByRole('button', { name: 'Forget it' }).click()
    await expect(fresh.getByText(/^Earlier conversations \(1\)/)).toBeVisible()
    await expect(kept).toHaveCount(0)
    await fresh.close()
  })

  test('a policy and a query are looked at for weaknesses, by rules first', async () => {
    await visit(page, at())
    await page.getByText('Find weaknesses').click()
    await page.getByRole('button', { name: 'Ask', exact: true }).click()
    await expect(page.getByRole('log')).toContainText('The engine looked at this policy')
    await page.getByLabel('Of what').selectOption('postgresql')
    await page.getByLabel('Query').fill('delete from public.orders')
    await page.getByRole('button', { name: 'Ask', exact: true }).click()
    await expect(page.getByRole('region', { name: 'Findings' }).last()).toContainText(
      /public\.orders|writes?/i,
    )
  })

  test('advice is text, and none of it is markup', async () => {
    await expect(page.getByRole('button', { name: /^Ask \(Write/ })).toBeVisible()
    await page.getByText('Ask for advice').click()
    await page.getByRole('textbox', { name: 'Ask for advice' }).fill('How do I connect <b>PostgreSQL</b>?')
    await page.keyboard.press('Enter')
    await expect(page.getByRole('article', { name: /PostgreSQL/ })).toContainText('<b>PostgreSQL</b>')
    await expect(page.getByRole('log').locator('b')).toHaveCount(0)
  })

  test('a viewer may look for weaknesses, and is told why drafts are not theirs', async () => {
    await api(owner.token, 'POST', '/billing/subscribe', { plan: 'pro' })
    const viewer = await openPage(browser, { as: await newMember(owner, 'viewer') })
    await visit(viewer, at())
    await expect(viewer.getByRole('button', { name: /^Ask/ })).toHaveAttribute(
      'title',
      /Your role here is viewer/,
    )
    await viewer.getByText('Find weaknesses').click()
    await viewer.getByRole('button', { name: 'Ask', exact: true }).click()
    await expect(viewer.getByRole('log')).toContainText('The engine looked at this policy')
    await viewer.context().close()
  })
})

describe('with a model', () => {
  test('its answer comes as it is written, can be stopped, and counts; a failure does not', async () => {
    await using model = await startModel()
    model.behave(hangs())
    await visit(page, at())
    await untilAnsweredBy(MODEL)
    await ask('Agents may read orders')
    await expect(page.getByText(/^Writing/)).toBeVisible()
    await page.getByRole('button', { name: 'Stop' }).click()
    await expect(page.getByText('Stopped.')).toBeVisible()

    model.behave(says(ORDERS))
    await ask('Agents may read orders')
    await expect(page.getByRole('log')).toContainText('In the model’s words, which nobody has checked:')
    await expect(page.getByRole('log')).toContainText(/tokens read, \d+ written\. Use \d of 30 of this month/)
    await expect(draft()).toContainText('Written by the model, checked by the engine')

    model.behave(refuses(500, 'out of memory'))
    await ask('Agents may read customers')
    await expect(page.getByRole('log').getByRole('alert').last()).toContainText('It does not count.')
    await visit(page, '/app/usage')
    await expect(page.getByText('Uses of the assistant this month')).toBeVisible()
    await expect(page.getByRole('table', { name: 'The assistant by month' })).toContainText('321')
  })

  test('at the plan’s limit the model is not asked: templates answer, and the plans are a click away', async () => {
    await using model = await startModel()
    model.behave(says(ORDERS))
    const person = await newPerson('Bo')
    const { id } = await newProject(person)
    const theirs = await openPage(browser, { as: person })
    await visit(theirs, `/app/projects/${id}/assistant`)
    await untilAnsweredBy(MODEL, theirs)
    for (let use = 1; use <= 3; use++) {
      await theirs.getByRole('textbox', { name: 'Draft a policy' }).fill(`Agents may read orders, ${use}`)
      await theirs.keyboard.press('Enter')
      await expect(theirs.getByText(`Use ${use} of 3 of this month`)).toBeVisible()
    }
    await expect(theirs.getByText('3 uses of the assistant are used up.')).toBeVisible()
    const asked = model.asked.length
    await theirs.getByRole('textbox', { name: 'Draft a policy' }).fill('Agents may only read public.orders')
    await theirs.keyboard.press('Enter')
    await expect(theirs.getByRole('log')).toContainText('No language model was used')
    expect(model.asked.length).toBe(asked)
    await theirs.getByRole('link', { name: 'See the plans' }).click()
    await expect(theirs).toHaveURL(/\/app\/billing$/)
    await theirs.context().close()
  })
})

describe.each(['light', 'dark'] as const)('in %s', (theme) => {
  test('the assistant with a draft is accessible, and fits a phone', async () => {
    const phone = await openPage(browser, { as: owner, theme, width: 360 })
    await visit(phone, at())
    await untilAnsweredBy(TEMPLATES, phone)
    await expectAccessible(phone)
    await phone.getByRole('textbox', { name: 'Draft a policy' }).fill('Ask before every write')
    await phone.keyboard.press('Enter')
    await expect(phone.getByRole('region', { name: 'Draft', exact: true })).toBeVisible()
    await expectAccessible(phone)
    await expectNoSidewaysScroll(phone)
    await phone.context().close()
  })
})

test('is found from the sidebar and the palette', async () => {
  await visit(page, `/app/projects/${project}`)
  await page.getByRole('navigation', { name: 'Project' }).getByRole('link', { name: 'Assistant' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Assistant' })).toBeVisible()
  await revisit(page)
  await page.keyboard.press('Control+k')
  await page.keyboard.type('assist')
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(new RegExp(`${at()}$`))
})

test('none of it has raised an error in the browser', () => {
  expect(page.errors).toEqual([])
})
