// The record on its way to an organisation's own systems, as an administrator sets it up.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Browser } from '@playwright/test'
import { afterAll, beforeAll, describe, test } from 'vitest'
import {
  api,
  expect,
  expectAccessible,
  expectNoSidewaysScroll,
  newMember,
  newPerson,
  openBrowser,
  openPage,
  type Page,
  type Person,
} from './browser.ts'
import { revisit, visit } from './visit.ts'

const AT = '/app/settings/siem'

let browser: Browser
let owner: Person
let page: Page & { errors: string[] }

beforeAll(async () => {
  ;[browser, owner] = await Promise.all([openBrowser(), newPerson('Sia')])
  page = await openPage(browser, { as: owner })
}, 60_000)
afterAll(() => browser?.close())

const forwarder = (name: string) =>
  page.getByRole('list', { name: 'Forwarders' }).getByRole('listitem').filter({ hasText: name })
const credential = (name: string) =>
  page.getByRole('list', { name: 'Credentials' }).getByRole('listitem').filter({ hasText: name })

describe('on another plan', () => {
  test('nothing can be set up, and the page says with which plan it can', async () => {
    await visit(page, AT)
    await expect(page.getByText('This comes with the Enterprise plan.')).toBeVisible()
    await expect(page.getByRole('button', { name: /Add a forwarder/ })).toHaveAttribute(
      'aria-disabled',
      'true',
    )
    await expect(page.getByRole('button', { name: /Make a credential/ })).toHaveAttribute(
      'title',
      'It comes with the Enterprise plan.',
    )
    await page.getByRole('main').getByRole('link', { name: 'See the plans' }).click()
    await expect(page).toHaveURL(/\/app\/billing$/)
  })
})

describe('on Enterprise', () => {
  beforeAll(async () => {
    await api(owner.token, 'POST', '/billing/subscribe', { plan: 'enterprise' })
  })

  test('a credential is made, downloaded, shown once, and revoked by its name', async () => {
    await visit(page, AT)
    await page.getByLabel('Name').fill('splunk')
    await page.getByLabel('Last day').fill('2099-12-31')
    // What was bought a moment ago is known everywhere within seconds.
    await expect(async () => {
      await page.getByRole('button', { name: 'Make a credential' }).click()
      await expect(page.getByText('This is the only time its file is shown.')).toBeVisible({ timeout: 3_000 })
    }).toPass()
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Download splunk.creds' }).click(),
    ])
    const file = readFileSync((await download.path())!, 'utf8')
    expect(file).toContain('-----BEGIN NATS USER JWT-----')
    await expectAccessible(page)
    await page.getByRole('button', { name: 'I have stored it' }).click()
    await expect(credential('splunk')).toContainText('Active')
    await expect(credential('splunk')).toContainText('31 Dec 2099')
    await revisit(page)
    const seed = /SU[A-Z0-9]{20,}/.exec(file)?.[0]
    expect(seed).toBeDefined()
    expect(await page.content()).not.toContain(seed)
    await credential('splunk').getByText('How to connect with splunk').click()
    await expect(credential('splunk')).toContainText('AUDIT')

    await credential('splunk').getByRole('button', { name: 'Revoke splunk' }).click()
    const dialog = page.getByRole('dialog', { name: 'Revoke splunk' })
    await dialog.getByLabel('Type splunk to confirm').fill('splunk')
    await dialog.getByRole('button', { name: 'Revoke for good' }).click()
    await expect(credential('splunk')).toContainText(/Revoked|Being revoked/)
  })

  test('a webhook is added with its secret shown once, tested, paused, changed and deleted', async () => {
    await visit(page, AT)
    await page.getByRole('link', { name: 'Add a forwarder' }).click()
    await expect(page.getByRole('heading', { name: 'Add a forwarder' })).toBeVisible()
    await page.getByLabel('Name').fill('collector')
    await page.getByLabel('Address').fill('http://plain.example.com/in')
    await page.getByRole('button', { name: 'Add forwarder' }).click()
    await expect(page.getByRole('alert')).toBeVisible()
    await expect(page.getByLabel('Name')).toHaveValue('collector')
    // Nobody listens there.
    const free = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => free.once('listening', resolve))
    const { port } = free.address() as { port: number }
    free.close()
    await page.getByLabel('Address').fill(`https://127.0.0.1:${port}/in`)
    await page.getByLabel('Headers').fill('Authorization: Bearer s3cret-token')
    await page.getByRole('button', { name: 'Add forwarder' }).click()
    await expect(page.getByText(/^whsec_/)).toBeVisible()
    const secret = await page.getByText(/^whsec_/).innerText()
    await expectAccessible(page)
    await page.getByRole('link', { name: 'I have stored it' }).click()
    await expect(forwarder('collector')).toContainText(`https://127.0.0.1:${port}/in`)
    await forwarder('collector').getByRole('button', { name: 'Test collector' }).click()
    await expect(forwarder('collector').getByRole('alert')).toContainText('collector does not work')

    await forwarder('collector').getByRole('button', { name: 'Pause collector' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Pause it' }).click()
    await expect(forwarder('collector')).toContainText('Paused')
    await forwarder('collector').getByRole('button', { name: 'Resume collector' }).click()
    await expect(forwarder('collector')).not.toContainText('Paused')

    await forwarder('collector').getByRole('link', { name: 'collector' }).click()
    await expect(page.getByLabel('Address')).toHaveValue(`https://127.0.0.1:${port}/in`)
    for (const hidden of [secret, 's3cret-token']) expect(await page.content()).not.toContain(hidden)
    await expect(page.getByText('Set: Authorization.')).toBeVisible()
    await page.getByLabel('Body').selectOption('lines')
    await page.getByRole('button', { name: 'Save' }).click()
    await expect(page.getByText('Saved.')).toBeVisible()
    await page.getByRole('button', { name: 'New signing secret' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Make a new one' }).click()
    await expect(page.getByText(/^whsec_/)).toBeVisible()
    expect(await page.getByText(/^whsec_/).innerText()).not.toBe(secret)
    await page.getByRole('link', { name: 'All forwarders' }).click()
    await forwarder('collector').getByRole('button', { name: 'Delete collector' }).click()
    await page.getByLabel('Type collector to confirm').fill('collector')
    await page.getByRole('button', { name: 'Delete it' }).click()
    await expect(page.getByText('Nothing is forwarded yet')).toBeVisible()
  })

  test('a syslog server is added by its own fields', async () => {
    await visit(page, `${AT}/forwarders/new`)
    await page.getByRole('link', { name: 'Syslog' }).click()
    await page.getByLabel('Host').fill('logs.example.com')
    await page.getByLabel('Name').fill('rsyslog')
    await expect(page.getByLabel('Port')).toHaveValue('6514')
    await page.getByLabel('Certificate authority of your own').fill('not a certificate')
    await page.getByRole('button', { name: 'Add forwarder' }).click()
    await expect(page.getByText('must be PEM certificates')).toBeVisible()
    await page.getByLabel('Certificate authority of your own').fill('')
    await page.getByRole('button', { name: 'Add forwarder' }).click()
    await expect(forwarder('rsyslog')).toContainText('syslog over TLS, logs.example.com:6514')
  })

  test('whoever does not administer is told so, and sees none of it', async () => {
    const editor = await openPage(browser, { as: await newMember(owner, 'editor') })
    await visit(editor, AT)
    await expect(editor.getByText(/are for administrators/)).toBeVisible()
    await expect(editor.getByText('rsyslog')).toHaveCount(0)
    await editor.context().close()
  })

  test.for(['light', 'dark'] as const)('its pages are accessible in %s, and fit a phone', async (theme) => {
    const phone = await openPage(browser, { as: owner, theme, width: 360 })
    for (const path of [AT, `${AT}/forwarders/new`, `${AT}/forwarders/new?kind=syslog`]) {
      await visit(phone, path)
      await expectAccessible(phone)
      await expectNoSidewaysScroll(phone)
    }
    await phone.context().close()
  })
})

test('none of it has raised an error in the browser', () => {
  expect(page.errors).toEqual([])
})
