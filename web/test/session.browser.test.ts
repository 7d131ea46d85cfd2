// What the browser holds of who is signed in, and what it never does.
import { afterAll, beforeAll, describe, test } from 'vitest'
import type { Browser } from '@playwright/test'
import {
  api,
  expect,
  expectAccessible,
  newPerson,
  openBrowser,
  openPage,
  world,
  type Person,
} from './browser.ts'
import { visit } from './visit.ts'

let browser: Browser
let person: Person

beforeAll(async () => {
  browser = await openBrowser()
  person = await newPerson()
})
afterAll(() => browser?.close())

describe('signing in', () => {
  test('by the form leads to the projects, and out again', async () => {
    const page = await openPage(browser)
    await page.goto('/app/projects')
    await expect(page).toHaveURL(/\/auth\/sign-in\?next=%2Fapp%2Fprojects/)
    await page.getByLabel('E-mail').fill(person.email)
    await page.getByLabel('Password').fill(person.password)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await expect(page.getByRole('heading', { level: 1, name: 'Projects' })).toBeVisible()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await expect(page).toHaveURL(/\/auth\/sign-in/)
    await page.goto('/app/projects')
    await expect(page).toHaveURL(/\/auth\/sign-in/)
    expect(page.errors).toEqual([])
  })

  test('with a wrong password says so, and keeps the address', async () => {
    const page = await openPage(browser)
    await page.goto('/auth/sign-in')
    await page.getByLabel('E-mail').fill(person.email)
    await page.getByLabel('Password').fill('not-my-password')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await expect(page.getByRole('alert')).toBeVisible()
    await expect(page.getByLabel('E-mail')).toHaveValue(person.email)
  })

  test.for(['/app/projects', '/%61pp/projects', '/app', '/app/no-such-page', '/app/projects/__data.json'])(
    'comes before %s, however it is spelled',
    async (path) => {
      const page = await openPage(browser)
      const answer = await page.context().request.get(path, { maxRedirects: 0 })
      const text = await answer.text()
      expect([303, 200]).toContain(answer.status())
      if (answer.status() === 303) expect(answer.headers()['location']).toContain('/auth/sign-in?next=')
      else expect(JSON.parse(text)).toMatchObject({ type: 'redirect' })
      expect(answer.headers()['cache-control'] ?? 'no-store').toContain('no-store')
    },
  )

  test.for(['//evil.example/', '/\\evil.example', 'https://evil.example/app', '/app/../auth/sign-out'])(
    'never leads to %s',
    async (next) => {
      const page = await openPage(browser, { as: person })
      await page.goto(`/auth/sign-in?next=${encodeURIComponent(next)}`)
      await expect(page).toHaveURL(`${world().web}/app/projects`)
    },
  )
})

describe('the browser', () => {
  test('has an opaque cookie that scripts cannot read, and no token anywhere', async () => {
    const page = await openPage(browser, { as: person })
    const seen: string[] = []
    page.on('response', (response) => {
      void response.text().then(
        (text) => seen.push(text, JSON.stringify(response.headers())),
        () => undefined,
      )
    })
    await page.goto('/app/projects')
    await page.waitForLoadState('networkidle')
    const [cookie] = (await page.context().cookies()).filter(({ name }) => name.endsWith('session'))
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: '/' })
    expect(cookie?.value).toMatch(/^[\w-]{43}$/)
    const kept = await page.evaluate(
      () => JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie,
    )
    // Every JWT begins so.
    for (const text of [kept, ...seen]) expect(text).not.toMatch(/eyJ[\w-]{10,}\./)
  })

  test('is signed out where its session was ended elsewhere', async () => {
    const other = await newPerson('Grace')
    const page = await openPage(browser, { as: other })
    await page.goto('/app/projects')
    await api(other.token, 'DELETE', '/me/sessions')
    await page.goto('/app/projects')
    await expect(page).toHaveURL(/\/auth\/sign-in\?ended/)
  })

  test('gets pages that only their own scripts may run in', async () => {
    const page = await openPage(browser, { as: person })
    const response = await page.goto('/app/projects')
    const policy = response?.headers()['content-security-policy'] ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(/script-src ([^;]*)/.exec(policy)?.[1]).toMatch(/^'self' 'nonce-[^' ]+'$/)
    expect(response?.headers()).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      'cache-control': 'no-store',
    })
  })
})

describe('a request from another site', () => {
  test.for([
    { path: '/preferences', type: 'application/json', data: '{"theme":"dark"}' },
    { path: '/auth/sign-in', type: 'application/x-www-form-urlencoded', data: 'email=a&password=b' },
    {
      path: '/app/switch-organization',
      type: 'application/x-www-form-urlencoded',
      data: 'organization_id=x',
    },
    { path: '/auth/sign-out', type: 'text/plain', data: '' },
  ])('changes nothing at $path', async ({ path, type, data }) => {
    const page = await openPage(browser, { as: person })
    for (const origin of ['https://evil.example', 'null', undefined]) {
      const answer = await page.context().request.post(path, {
        data,
        headers: { 'content-type': type, ...(origin === undefined ? {} : { origin }) },
        maxRedirects: 0,
      })
      expect(answer.status()).toBe(403)
    }
    await page.goto('/app/projects')
    await expect(page).toHaveURL(/\/app\/projects$/)
  })
})

describe.each(['light', 'dark'] as const)('in %s', (theme) => {
  test('the sign-in, the palette and the menu of a phone are accessible', async () => {
    const anyone = await openPage(browser, { theme })
    await anyone.goto('/auth/sign-in')
    await expectAccessible(anyone)
    const page = await openPage(browser, { as: person, theme })
    await visit(page, '/app/projects')
    await page.keyboard.press('Control+k')
    await page.keyboard.type('bill')
    await expectAccessible(page)
    await page.keyboard.press('Enter')
    await expect(page).toHaveURL(/\/app\/billing$/)
    const phone = await openPage(browser, { as: person, theme, width: 360 })
    await visit(phone, '/app/projects')
    await phone.getByRole('button', { name: 'Menu' }).click()
    await expectAccessible(phone)
  })
})
