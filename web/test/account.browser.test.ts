// People's own accounts: coming in, staying in, changing what is theirs, and leaving for good.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, test } from 'vitest'
import type { Browser } from '@playwright/test'
import {
  api,
  expect as usualExpect,
  expectAccessible,
  expectNoSidewaysScroll,
  mailed,
  mailedCode,
  newMember,
  newPerson,
  openBrowser,
  openPage,
  world,
  type Page,
  type Person,
} from './browser.ts'
import { totpCode } from './totp.ts'
import { visit } from './visit.ts'

const PASSWORD = 'seven-quiet-lanterns-41'
const NEW_PASSWORD = 'nine-loud-trumpets-52'

/** Tests of several people may run at once. */
const expect = usualExpect.configure({ timeout: 15_000 })

let browser: Browser
let owner: Person
let viewer: Person

beforeAll(async () => {
  browser = await openBrowser()
  owner = await newPerson('Owner')
  viewer = await newMember(owner, 'viewer')
})
afterAll(() => browser?.close())

const addressOf = (name: string) => `${name}-${randomUUID()}@example.com`
const heading = (page: Page) => page.getByRole('heading', { level: 1 })
const codeIn = (text: string) => /^\s*(\d{6})\s*$/m.exec(text)?.[1]
const wrong = (code: string) => (code === '000000' ? '000001' : '000000')

async function signUp(page: Page, email: string): Promise<void> {
  await page.getByLabel('First name').fill('Mary')
  await page.getByLabel('Last name').fill('Somerville')
  await page.getByLabel('E-mail').fill(email)
  await typeNewPassword(page, 'Password', PASSWORD)
  await page.getByRole('button', { name: 'Create account' }).click()
  await expect(heading(page)).toHaveText('Confirm your address')
}

async function typeNewPassword(page: Page, label: string, password: string, again = password): Promise<void> {
  await page.getByLabel(label, { exact: true }).fill(password)
  await page.getByLabel('The same once more').fill(again)
}

async function enterCode(page: Page, code: string, button: string): Promise<void> {
  await page.getByLabel('Code from the mail').fill(code)
  await page.getByRole('button', { name: button, exact: true }).click()
}

async function signIn(page: Page, email: string, password: string): Promise<void> {
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** The secret of an authenticator app that is switched on for somebody. */
async function withSecondFactor({ token, password }: Person): Promise<string> {
  const { secret } = await api<{ secret: string }>(token, 'POST', '/me/mfa/totp', { password })
  await api(token, 'POST', '/me/mfa/totp', { code: totpCode(secret) })
  return secret
}

describe('signing up', () => {
  test('leads by the mailed code to the sign-in and the projects', async () => {
    const page = await openPage(browser)
    const email = addressOf('mary')
    await page.goto('/auth/sign-up')
    await signUp(page, email)
    await expect(page.getByText(email)).toBeVisible()
    await expect(page.getByText(/The code is good for \d+:\d\d/)).toBeVisible()
    const code = await mailedCode(email)

    await enterCode(page, wrong(code), 'Confirm')
    await expect(page.getByText('This code is not right')).toBeVisible()
    // Pasted as it stands in some mails; what was refused is selected.
    await page.evaluate((text) => navigator.clipboard.writeText(text), `${code.slice(0, 3)} ${code.slice(3)}`)
    await page.keyboard.press('ControlOrMeta+v')
    await expect(page.getByLabel('Code from the mail')).toHaveValue(code)
    await page.keyboard.press('Enter')

    await expect(page.getByRole('status')).toContainText('Your e-mail address is confirmed')
    await expect(page.getByLabel('E-mail')).toHaveValue(email)
    await signIn(page, email, PASSWORD)
    await expect(heading(page)).toHaveText('Projects')
    expect(page.errors).toEqual([])
  })

  test('refuses a password that is short, differs from its repetition, or is everybody’s', async () => {
    const page = await openPage(browser)
    await page.goto('/auth/sign-up')
    await typeNewPassword(page, 'Password', 'eleven-char', 'another')
    await expect(page.getByText('1 more character.')).toBeVisible()
    await expect(page.getByText('This differs from the one above.')).toBeVisible()
    await page.getByRole('button', { name: 'Create account' }).click()
    await expect(page).toHaveURL(/sign-up$/)
    await page.getByLabel('First name').fill('Mary')
    await page.getByLabel('Last name').fill('Somerville')
    await page.getByLabel('E-mail').fill(addressOf('mary'))
    await typeNewPassword(page, 'Password', 'password1234')
    await page.getByRole('button', { name: 'Create account' }).click()
    await expect(page.getByRole('alert')).toContainText('among the most common ones')
    await expect(page.getByLabel('First name')).toHaveValue('Mary')
  })

  test('works without scripts, the code and the sign-in too', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false, baseURL: world().web })
    const page = await context.newPage()
    const email = addressOf('plain')
    await page.goto('/auth/sign-up')
    await signUp(page, email)
    const code = await mailedCode(email)
    await enterCode(page, wrong(code), 'Confirm')
    await expect(page.getByText('This code is not right')).toBeVisible()
    await enterCode(page, code, 'Confirm')
    await signIn(page, email, PASSWORD)
    await expect(heading(page)).toHaveText('Projects')
    await context.close()
  })

  test('another code can be asked for after a while, and only the newest is good', async () => {
    const page = await openPage(browser)
    const email = addressOf('late')
    await page.goto('/auth/sign-up')
    await page.clock.install()
    await signUp(page, email)
    const first = await mailedCode(email)
    await page.clock.runFor(2_000)
    const again = page.getByRole('button', { name: /^Send a new code/ })
    await expect(again).toHaveAttribute('aria-disabled', 'true')
    await page.clock.runFor(30_000)
    await again.click()
    await expect(page.getByText('Only the newest one is good')).toBeVisible()
    const second = await mailed(email, ({ Text }) => (codeIn(Text) === first ? undefined : codeIn(Text)))
    await enterCode(page, first, 'Confirm')
    await expect(page.getByText('This code is not right')).toBeVisible()
    await enterCode(page, second, 'Confirm')
    await expect(heading(page)).toHaveText('Sign in')
  })
})

describe('signing in', () => {
  test('with an address that is not confirmed leads to its code, and a new one is mailed', async () => {
    const email = addressOf('early')
    const names = { first_name: 'Early', last_name: 'Bird' }
    await api(undefined, 'POST', '/auth/register', { email, password: PASSWORD, ...names })
    const first = await mailedCode(email)
    const page = await openPage(browser)
    await page.goto('/auth/sign-in?next=%2Fapp%2Fprofile')
    await signIn(page, email, PASSWORD)
    await expect(heading(page)).toHaveText('Confirm your address')
    const second = await mailed(email, ({ Text }) => (codeIn(Text) === first ? undefined : codeIn(Text)))
    await enterCode(page, second, 'Confirm')
    await signIn(page, email, PASSWORD)
    await expect(heading(page)).toHaveText('Profile')
  })

  test('with a second factor asks for a code in a second step, and takes no wrong one', async () => {
    const person = await newPerson('Two')
    const secret = await withSecondFactor(person)
    const page = await openPage(browser)
    await page.goto('/auth/sign-in')
    await page.getByLabel('Remember me').check()
    await signIn(page, person.email, person.password)
    await expect(heading(page)).toHaveText('Second factor')
    await expect(page.getByRole('alert')).toHaveCount(0)
    await expect(page.getByLabel('Password')).toBeHidden()
    await expect(page.getByLabel('Code')).toBeFocused()
    // The step that switched it on is used up.
    const code = totpCode(secret, 1)
    await page.getByLabel('Code').fill(wrong(code))
    await page.getByRole('button', { name: 'Sign in' }).click()
    await expect(page.getByRole('alert')).toContainText('This code is not right')
    await page.getByLabel('Code').fill(code)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await expect(heading(page)).toHaveText('Projects')
    const [cookie] = (await page.context().cookies()).filter(({ name }) => name.endsWith('session'))
    expect(cookie?.expires).toBeGreaterThan(Date.now() / 1_000 + 29 * 86_400)
  })

  test('says how long to wait after too many codes', async () => {
    const request = { email: addressOf('eager'), purpose: 'reset_password' }
    for (let asked = 0; asked < 3; asked++) await api(undefined, 'POST', '/auth/otp/request', request)
    const page = await openPage(browser)
    await page.goto('/auth/forgot-password')
    await page.getByLabel('E-mail').fill(request.email)
    await page.getByRole('button', { name: 'Mail me a code' }).click()
    await expect(page.getByRole('alert')).toContainText(/Try again in \d+ (minutes|seconds)\./)
  })
})

describe('a forgotten password', () => {
  test('is replaced by a mailed code; the old one is refused and every session ends', async () => {
    const person = await newPerson('Lost')
    const elsewhere = await openPage(browser, { as: person })
    const page = await openPage(browser)
    await page.goto('/auth/sign-in')
    await page.getByRole('link', { name: 'Forgot password' }).click()
    await expect(heading(page)).toHaveText('Forgot password')
    await page.getByLabel('E-mail').fill(person.email)
    await page.getByRole('button', { name: 'Mail me a code' }).click()
    await expect(heading(page)).toHaveText('Reset password')
    const code = await mailed(person.email, ({ Subject, Text }) =>
      Subject.includes('reset') ? codeIn(Text) : undefined,
    )
    await enterCode(page, wrong(code), 'Go on')
    await expect(page.getByText('This code is not right')).toBeVisible()
    await enterCode(page, code, 'Go on')
    await expect(heading(page)).toHaveText('New password')
    await typeNewPassword(page, 'New password', 'password1234')
    await page.getByRole('button', { name: 'Set the new password' }).click()
    await expect(page.getByRole('alert')).toContainText('among the most common ones')
    await typeNewPassword(page, 'New password', NEW_PASSWORD)
    await page.getByRole('button', { name: 'Set the new password' }).click()
    await expect(page.getByRole('status')).toContainText('Your new password is set')
    await signIn(page, person.email, person.password)
    await expect(page.getByRole('alert')).toBeVisible()
    await signIn(page, person.email, NEW_PASSWORD)
    await expect(heading(page)).toHaveText('Projects')
    await elsewhere.goto('/app/projects')
    await expect(elsewhere).toHaveURL(/sign-in\?ended/)
    expect(page.url()).not.toContain('token')
  })

  test('of an unknown address looks the same, and no code is right', async () => {
    const page = await openPage(browser)
    await page.goto('/auth/forgot-password')
    await page.getByLabel('E-mail').fill(addressOf('nobody'))
    await page.getByRole('button', { name: 'Mail me a code' }).click()
    await enterCode(page, '123456', 'Go on')
    await expect(page.getByText('This code is not right')).toBeVisible()
  })
})

describe('an invitation', () => {
  test('is taken up by who registers for it, and shows them among the members', async () => {
    const email = addressOf('invited')
    const asOwner = await openPage(browser, { as: owner })
    await asOwner.goto('/app/settings/members')
    await asOwner.getByLabel('E-mail').fill(email)
    await asOwner.getByLabel('Role', { exact: true }).selectOption('Editor')
    await asOwner.getByRole('button', { name: 'Send invitation' }).click()
    await expect(asOwner.getByText(`An invitation was mailed to ${email}`)).toBeVisible()
    await expect(asOwner.getByRole('cell', { name: email, exact: true })).toBeVisible()

    const link = new URL(await mailed(email, ({ Text }) => /https?:\/\/\S*invitation\S*/.exec(Text)?.[0]))
    const page = await openPage(browser)
    await page.goto(link.pathname + link.search)
    await page.getByRole('link', { name: 'Create an account' }).click()
    await signUp(page, email)
    await enterCode(page, await mailedCode(email), 'Confirm')
    await signIn(page, email, PASSWORD)
    await page.getByRole('button', { name: 'Join the organisation' }).click()
    await expect(page.getByText('You are a member of Owner’s organisation now')).toBeVisible()
    await expect(page.getByRole('row', { name: email })).toContainText('Editor')

    // Good once, and for nobody else.
    await page.goto(link.pathname + link.search)
    await page.getByRole('button', { name: 'Join the organisation' }).click()
    await expect(page.getByRole('alert')).toBeVisible()
    await asOwner.goto('/app/settings/members')
    await expect(asOwner.getByText('Nobody is invited at present')).toBeVisible()
  })

  test('that was taken back or mailed to somebody else is refused', async () => {
    const email = addressOf('invited')
    await api(owner.token, 'POST', '/organization/invitations', { email, role: 'viewer' })
    const link = new URL(await mailed(email, ({ Text }) => /https?:\/\/\S*invitation\S*/.exec(Text)?.[0]))
    const stranger = await openPage(browser, { as: await newPerson('Stranger') })
    await stranger.goto(link.pathname + link.search)
    await stranger.getByRole('button', { name: 'Join the organisation' }).click()
    await expect(stranger.getByRole('alert')).toContainText('no such invitation for you')
    const page = await openPage(browser, { as: owner })
    await visit(page, '/app/settings/members')
    await page.getByRole('button', { name: `Take back the invitation of ${email}` }).click()
    await expect(page.getByText('its link leads nowhere')).toBeVisible()
    await expect(page.getByRole('cell', { name: email, exact: true })).toHaveCount(0)
  })
})

describe('the profile', () => {
  test('keeps what is typed, refuses what is not an address, and is left empty again', async () => {
    const page = await openPage(browser, { as: owner })
    await page.goto('/app/profile')
    await page.getByLabel('Company').fill('Analytical Engines')
    await page.getByLabel('Website').fill('https://example.com/ada')
    await page.getByLabel('About you').fill('Notes\nand more notes')
    await page.getByRole('button', { name: 'Save' }).click()
    await expect(page.getByText('Saved.')).toBeVisible()
    await page.reload()
    await expect(page.getByLabel('Company')).toHaveValue('Analytical Engines')
    await expect(page.getByLabel('About you')).toHaveValue(/Notes\r?\nand more notes/)
    await page.getByLabel('Website').fill('ftp://example.com/ada')
    await page.getByRole('button', { name: 'Save' }).click()
    await expect(page.getByText('This is not a web address')).toBeVisible()
    await expect(page.getByLabel('Website')).toHaveValue('ftp://example.com/ada')
    await page.getByLabel('Website').fill('')
    await page.getByRole('button', { name: 'Save' }).click()
    await expect(page.getByText('Saved.')).toBeVisible()
    expect(page.errors).toEqual([])
  })

  test('takes another address with the password and its code; one signs in with it then', async () => {
    const person = await newPerson('Moving')
    const email = addressOf('moved')
    const page = await openPage(browser, { as: person })
    await page.goto('/app/profile')
    const card = page.getByRole('region', { name: 'E-mail address' })
    await card.getByLabel('New address').fill(email)
    await card.getByLabel('Password').fill('not-my-password')
    await card.getByRole('button', { name: 'Mail me a code' }).click()
    await expect(card.getByRole('alert')).toContainText('The password is not right')
    await card.getByLabel('Password').fill(person.password)
    await card.getByRole('button', { name: 'Mail me a code' }).click()
    await expect(card.getByText(email)).toBeVisible()
    await enterCode(page, await mailedCode(email), 'Confirm the new address')
    await expect(page.getByRole('status')).toContainText('Your new e-mail address holds')
    await signIn(page, email, person.password)
    await expect(heading(page)).toHaveText('Profile')
    await expect(page.getByRole('region', { name: 'Account' })).toContainText(email)
  })

  test('changes the password with the present one only, and ends the session', async () => {
    const person = await newPerson('Change')
    const page = await openPage(browser, { as: person })
    await page.goto('/app/profile')
    const card = page.getByRole('region', { name: 'Password' })
    await card.getByLabel('Present password').fill('not-my-password')
    await typeNewPassword(page, 'New password', NEW_PASSWORD)
    await card.getByRole('button', { name: 'Change password' }).click()
    await expect(card.getByRole('alert')).toContainText('The password is not right')
    await card.getByLabel('Present password').fill(person.password)
    await card.getByRole('button', { name: 'Change password' }).click()
    await expect(page.getByRole('status')).toContainText('Your new password is set')
    expect((await page.context().cookies()).some(({ name }) => name.endsWith('session'))).toBe(false)
    await signIn(page, person.email, NEW_PASSWORD)
    await expect(heading(page)).toHaveText('Profile')
  })
})

describe('settings', () => {
  test('of mails are kept', async () => {
    const page = await openPage(browser, { as: owner })
    // Where every mail that one may do without leads.
    await page.goto('/app/settings')
    const approvals = page.getByLabel('A tool call waits for an approval')
    await approvals.uncheck()
    await page.getByRole('button', { name: 'Save' }).click()
    await expect(page.getByText('Saved.')).toBeVisible()
    await page.reload()
    await expect(approvals).not.toBeChecked()
    await expect(page.getByLabel('A tool has changed and is blocked')).toBeChecked()
  })

  test('end one session elsewhere, and all of them', async () => {
    const person = await newPerson('Many')
    const [page, elsewhere] = [
      await openPage(browser, { as: person }),
      await openPage(browser, { as: person }),
    ]
    await visit(page, '/app/settings/sessions')
    await expect(page.getByRole('row', { name: 'this session' })).toHaveCount(1)
    // Besides the head: this one, the other browser's, and one of the API alone.
    const rows = page.getByRole('table').getByRole('row')
    await expect(rows).toHaveCount(4)
    const browserElsewhere = rows.filter({ hasText: 'Chrome', hasNotText: 'this session' })
    await browserElsewhere.getByRole('button', { name: /^End/ }).click()
    await expect(page.getByText('The session was ended.')).toBeVisible()
    await expect(rows).toHaveCount(3)
    await elsewhere.goto('/app/projects')
    await expect(elsewhere).toHaveURL(/sign-in\?ended/)
    await page.getByRole('button', { name: 'End all, this one too' }).click()
    await expect(page.getByRole('status')).toContainText('Every session was ended')
    await page.goto('/app/projects')
    await expect(page).toHaveURL(/sign-in/)
  })

  test('switch a second factor on by QR or secret, show recovery codes once, and switch it off', async () => {
    const person = await newPerson('Careful')
    const page = await openPage(browser, { as: person })
    await visit(page, '/app/settings/second-factor')
    await page.getByLabel('Password').fill(person.password)
    await page.getByRole('button', { name: 'Set up an app' }).click()
    await expect(page.getByRole('img', { name: /QR code/ })).toBeVisible()
    await expectAccessible(page)
    const secret = (await page.locator('code').first().textContent()) ?? ''
    await page.getByLabel('Code that the app shows').fill(wrong(totpCode(secret)))
    await page.getByRole('button', { name: 'Switch it on' }).click()
    await expect(page.getByText('not the present code of the app')).toBeVisible()
    // The same secret is still there to be scanned.
    await expect(page.locator('code').first()).toHaveText(secret)
    await page.getByLabel('Code that the app shows').fill(totpCode(secret))
    await page.getByRole('button', { name: 'Switch it on' }).click()
    await expect(page.getByRole('heading', { name: 'Your recovery codes' })).toBeVisible()
    await expectAccessible(page)
    const codes = await page
      .getByRole('region', { name: 'Your recovery codes' })
      .getByRole('listitem')
      .allTextContents()
    expect(codes.length).toBeGreaterThan(4)
    const download = page.waitForEvent('download')
    await page.getByRole('link', { name: 'Download' }).click()
    expect((await download).suggestedFilename()).toBe('mcpshield-recovery-codes.txt')
    await page.getByRole('link', { name: 'I have stored them' }).click()
    await expect(page.getByText(codes[0] ?? '')).toHaveCount(0)
    await expectAccessible(page)
    const off = page.getByRole('region', { name: 'Switch off' })
    await off.getByLabel('Password').fill(person.password)
    await off.getByLabel(/^Code of the app/).fill(codes[0] ?? '')
    await off.getByRole('button', { name: 'Switch the second factor off' }).click()
    await expect(page.getByText('The second factor is off.')).toBeVisible()
    expect(page.errors).toEqual([])
  })

  test('name the addresses of API and MCP, and an example that works', async () => {
    const page = await openPage(browser, { as: owner })
    await visit(page, '/app/settings/api')
    await expect(page.getByText(world().api, { exact: true })).toBeVisible()
    await expect(page.getByText(`${world().mcp}/mcp`, { exact: true })).toBeVisible()
    const answer = await fetch((await page.getByRole('link', { name: 'OpenAPI' }).getAttribute('href')) ?? '')
    expect(answer.status).toBe(200)
  })
})

describe('an organisation', () => {
  test('has members whose role is changed, and who are removed by typing who it is', async () => {
    const member = await newMember(owner, 'editor')
    const page = await openPage(browser, { as: owner })
    await visit(page, '/app/settings/members')
    const row = page.getByRole('row', { name: member.email })
    await row.getByRole('combobox').selectOption('Admin')
    await row.getByRole('button', { name: /^Change/ }).click()
    await expect(page.getByText(`${member.email} is admin now.`)).toBeVisible()
    await row.getByRole('button', { name: /^Remove/ }).click()
    const dialog = page.getByRole('dialog')
    await expectAccessible(page)
    await expect(dialog.getByRole('button', { name: 'Remove' })).toHaveAttribute('aria-disabled', 'true')
    await dialog.getByLabel(/^Type/).fill(member.email)
    await dialog.getByRole('button', { name: 'Remove' }).click()
    await expect(row).toHaveCount(0)
  })

  test('keeps one owner', async () => {
    const page = await openPage(browser, { as: owner })
    await visit(page, '/app/settings/members')
    await page.getByRole('button', { name: 'Leave' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel(/^Type/).fill('Owner’s organisation')
    await dialog.getByRole('button', { name: 'Leave' }).click()
    await expect(dialog.getByRole('alert')).toContainText('at least one owner')
  })

  test('is only looked at by a viewer, who is told why, and may leave', async () => {
    const member = await newMember(owner, 'viewer')
    const page = await openPage(browser, { as: member })
    await visit(page, '/app/settings/members')
    const invite = page.getByRole('button', { name: /^Send invitation/ })
    await expect(invite).toHaveAttribute('aria-disabled', 'true')
    await expect(invite).toHaveAttribute('title', /Your role here is viewer/)
    await expect(page.getByRole('row', { name: owner.email }).getByRole('combobox')).toHaveCount(0)
    await visit(page, '/app/settings/organization')
    for (const name of [/^Rename/, /^Turn the kill switch on/])
      await expect(page.getByRole('button', { name })).toHaveAttribute('aria-disabled', 'true')
    await visit(page, '/app/settings/policy')
    await expect(page.getByRole('button', { name: /^Save/ })).toHaveAttribute('aria-disabled', 'true')
    await visit(page, '/app/settings/members')
    await page.getByRole('button', { name: 'Leave' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel(/^Type/).fill('Owner’s organisation')
    await dialog.getByRole('button', { name: 'Leave' }).click()
    await expect(heading(page)).toHaveText('Projects')
    await visit(page, '/app/settings/organization')
    await expect(page.getByRole('cell', { name: 'Owner’s organisation' })).toHaveCount(0)
  })

  test('is renamed, and its kill switch is turned on by its name and off again', async () => {
    const person = await newPerson('Calm')
    const page = await openPage(browser, { as: person })
    await visit(page, '/app/settings/organization')
    await page.getByLabel('Name', { exact: true }).fill('Calm & Co')
    await page.getByRole('button', { name: 'Rename' }).click()
    await expect(page.getByRole('cell', { name: 'Calm & Co' })).toBeVisible()
    await page.getByRole('button', { name: 'Turn the kill switch on' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel(/^Type/).fill('Calm & Co')
    await dialog.getByRole('button', { name: 'Deny every call' }).click()
    await expect(page.getByText('The organisation’s kill switch is on')).toBeVisible()
    await page.getByRole('button', { name: 'Turn the kill switch off' }).click()
    await expect(page.getByText('The kill switch is off')).toBeVisible()
    expect(await api(person.token, 'GET', '/organization')).toMatchObject({
      name: 'Calm & Co',
      killed: false,
    })
  })

  test('is not stopped by a click alone, also where no script asks', async () => {
    const person = await newPerson('Early')
    const context = await browser.newContext({ javaScriptEnabled: false, baseURL: world().web })
    const page = await context.newPage()
    await page.goto('/auth/sign-in?next=/app/settings/organization')
    await signIn(page, person.email, person.password)
    await page.getByRole('button', { name: 'Turn the kill switch on' }).click()
    await expect(page.getByText('Type Early’s organisation to confirm.')).toBeVisible()
    expect(await api(person.token, 'GET', '/organization')).toMatchObject({ killed: false })
    await page.getByLabel(/^Type/).fill('Early’s organisation')
    await page.getByRole('button', { name: 'Deny every call' }).click()
    await expect(page.getByRole('button', { name: 'Turn the kill switch off' })).toBeVisible()
    expect(await api(person.token, 'GET', '/organization')).toMatchObject({ killed: true })
    await context.close()
  })

  test('has a policy that is checked, saved, and not saved over another’s', async () => {
    const rule = (id: string) =>
      `version: 1\nrules:\n  - id: ${id}\n    decision: deny\n    tool: postgres.query\n`
    const editor = (page: Page) => page.getByRole('textbox', { name: 'Organisation policy' })
    const write = async (page: Page, text: string) => {
      await editor(page).click()
      await page.keyboard.press('ControlOrMeta+a')
      await page.keyboard.insertText(text)
    }
    const page = await openPage(browser, { as: owner })
    await visit(page, '/app/settings/policy')
    await expect(page.locator('.cm-content')).toBeVisible()
    await write(page, rule('wrong').replace('deny', 'allow'))
    await page.getByRole('button', { name: 'Save' }).click()
    await expect(page.getByRole('alert').first()).toBeVisible()
    await write(page, rule('first'))
    await page.getByLabel('Note').fill('No queries')
    await page.getByRole('button', { name: 'Save' }).click()
    await expect(page.getByText('Version 1 is saved')).toBeVisible()
    const body = { policy_yaml: rule('theirs'), note: 'Meanwhile' }
    await api(owner.token, 'PUT', '/organization/policy', body, { 'if-match': '"1"' })
    await write(page, rule('mine'))
    await page.getByRole('button', { name: 'Save' }).click()
    await expect(page.getByText('has saved version 2 meanwhile')).toBeVisible()
    await expect(editor(page)).toContainText('mine')
    await page.getByRole('button', { name: 'Save over version 2' }).click()
    await expect(page.getByText('Version 3 is saved')).toBeVisible()
    const { policy_yaml } = await api<{ policy_yaml: string }>(owner.token, 'GET', '/organization/policy')
    expect(policy_yaml).toContain('mine')
  })
})

const PUBLIC = [
  ...['sign-up', 'verify-otp', 'sign-in', 'forgot-password', 'reset-password'].map((name) => `/auth/${name}`),
  '/auth/accept-invitation?token=x',
]
const OWN = [
  '/auth/accept-invitation?token=x',
  '/app/profile',
  ...[
    'notifications',
    'sessions',
    'second-factor',
    'api',
    'members',
    'organization',
    'policy',
    'account',
  ].map((tab) => `/app/settings/${tab}`),
]

describe.each(['light', 'dark'] as const)('every page of people’s accounts, in %s,', (theme) => {
  test('is accessible before signing in', async () => {
    const page = await openPage(browser, { theme, width: 360 })
    for (const path of PUBLIC) {
      await page.goto(path)
      await expectAccessible(page)
    }
    expect(page.errors).toEqual([])
  })

  test('is accessible after it', async () => {
    const page = await openPage(browser, { as: owner, theme })
    for (const path of OWN) {
      await visit(page, path)
      await expectAccessible(page)
    }
    expect(page.errors).toEqual([])
  })
})

test('no page of people’s accounts is wider than a phone', async () => {
  const [anyone, member] = [
    await openPage(browser, { width: 360 }),
    await openPage(browser, { as: viewer, width: 360 }),
  ]
  for (const path of PUBLIC) {
    await anyone.goto(path)
    await expectNoSidewaysScroll(anyone)
  }
  for (const path of OWN) {
    await member.goto(path)
    await expectNoSidewaysScroll(member)
  }
})

describe('deleting the account', () => {
  test('takes the address and the password, closes the session, and is for good', async () => {
    const person = await newPerson('Leaving')
    const page = await openPage(browser, { as: person })
    await page.goto('/app/settings/account')
    await page.getByLabel('Password').fill(person.password)
    await page.getByLabel(/^Type/).fill('somebody@example.com')
    await page.getByRole('button', { name: 'Delete my account' }).click()
    await expect(page.getByRole('alert')).toContainText('Nothing was deleted')
    await page.getByLabel(/^Type/).fill(person.email)
    await page.getByLabel('Password').fill('not-my-password')
    await page.getByRole('button', { name: 'Delete my account' }).click()
    await expect(page.getByRole('alert')).toContainText('The password is not right')
    await page.getByLabel('Password').fill(person.password)
    await page.getByRole('button', { name: 'Delete my account' }).click()
    await expect(page.getByRole('status')).toContainText('Your account is deleted')
    expect((await page.context().cookies()).some(({ name }) => name.endsWith('session'))).toBe(false)
    await signIn(page, person.email, person.password)
    await expect(page.getByRole('alert')).toContainText('not right')
  })

  test('is refused to the only owner of an organisation with other members', async () => {
    const page = await openPage(browser, { as: owner })
    await page.goto('/app/settings/account')
    await page.getByLabel('Password').fill(owner.password)
    await page.getByLabel(/^Type/).fill(owner.email)
    await page.getByRole('button', { name: 'Delete my account' }).click()
    await expect(page.getByRole('alert')).toContainText('Hand over ownership first')
  })
})
