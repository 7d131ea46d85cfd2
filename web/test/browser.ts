// A real browser on the real product, and the people who sit before it.
import { randomUUID } from 'node:crypto'
import AxeBuilder from '@axe-core/playwright'
import {
  chromium,
  expect as expectPage,
  type Browser,
  type BrowserContext,
  type Page,
} from '@playwright/test'
import { inject } from 'vitest'
import type { Role } from '@mcpshield/contracts/caller'
import { chromiumPath } from './chromium.ts'
import type { World } from './world.ts'

/** Pages of a machine that does other work too take their time. */
export const expect = expectPage.configure({ timeout: 15_000 })
export type { Page }
export type Theme = 'light' | 'dark'
export type Person = { email: string; password: string; token: string }
type Json = Record<string, unknown>

const PASSWORD = 'orange-kettle-walks-27'
const MAIL_WAIT_MS = 30_000
const LOOK_AGAIN_MS = 150

/** That of the tests, or for a program that is none of them the one that it names. */
let named: World | undefined
export const world = () => named ?? inject('world')
export function beIn(one: World): void {
  named = one
}

/** Chromium of the system. Close it after the tests. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: chromiumPath(),
    args: ['--no-sandbox'],
  })
}

type PageOptions = { as?: Person; theme?: Theme; width?: number }

/** A page of a browser of its own: signed in as somebody, or as nobody. An error in the console fails `errors`. */
export async function openPage(
  browser: Browser,
  { as, theme = 'light', width = 1280 }: PageOptions = {},
): Promise<Page & { errors: string[] }> {
  const context = await browser.newContext({
    baseURL: world().web,
    viewport: { width, height: 900 },
    colorScheme: theme,
    permissions: ['clipboard-read', 'clipboard-write'],
    extraHTTPHeaders: { 'x-forwarded-for': someAddress() },
  })
  context.setDefaultTimeout(20_000)
  if (as !== undefined) await signIn(context, as)
  const page = await context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) errors.push(message.text())
  })
  return Object.assign(page, { errors })
}

/** The API counts tries by address, and all tests come from one machine. */
const someAddress = () =>
  ['10', ...Array.from({ length: 3 }, () => Math.floor(Math.random() * 254) + 1)].join('.')

/** By the form, without drawing it. */
async function signIn(context: BrowserContext, { email, password }: Person): Promise<void> {
  const answer = await context.request.post('/auth/sign-in', {
    form: { email, password },
    headers: { origin: world().web, accept: 'text/html' },
    maxRedirects: 0,
  })
  if (answer.status() !== 303) throw new Error(`Signing in: ${answer.status()} ${await answer.text()}`)
}

/** Calls the public API; throws unless it succeeds. */
export async function api<T = Json>(
  token: string | undefined,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<T> {
  const response = await fetch(world().api + path, {
    method,
    headers: {
      'x-forwarded-for': someAddress(),
      ...headers,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return (text === '' ? undefined : JSON.parse(text)) as T
}

/** Somebody who registered and confirmed their address, with an organisation of their own. */
export async function newPerson(name = 'Ada'): Promise<Person> {
  const email = `${name.toLowerCase()}-${randomUUID()}@example.com`
  await api(undefined, 'POST', '/auth/register', {
    email,
    password: PASSWORD,
    first_name: name,
    last_name: 'Person',
  })
  const code = await mailedCode(email)
  await api(undefined, 'POST', '/auth/otp/verify', { email, purpose: 'verify_email', code })
  const { access_token: token } = await api<{ access_token: string }>(undefined, 'POST', '/auth/login', {
    email,
    password: PASSWORD,
  })
  // The organisation follows the registration by an event.
  await until(() => api(token, 'GET', '/projects'))
  return { email, password: PASSWORD, token }
}

/** Somebody who joined the owner's organisation by the link in the mail. */
export async function newMember(owner: Person, role: Role): Promise<Person> {
  const person = await newPerson(role)
  await api(owner.token, 'POST', '/organization/invitations', { email: person.email, role })
  const link = await mailed(person.email, ({ Text }) => /https?:\/\/\S*invitation\S*/.exec(Text)?.[0])
  await api(person.token, 'POST', '/organization/members', {
    invitation_token: new URL(link).searchParams.get('token'),
  })
  return person
}

export function newProject(person: Person, name = 'Shop'): Promise<{ id: string; name: string }> {
  return api(person.token, 'POST', '/projects', { name, environment: 'dev', infrastructure: [] })
}

export type Mail = { ID: string; Subject: string; Text: string; HTML: string }

/** Waits for what is looked for in somebody's mail, newest first. */
export function mailed<T>(email: string, find: (mail: Mail) => T | undefined): Promise<T> {
  const { mail } = world()
  const json = async <U>(path: string) => (await (await fetch(`${mail}/api/v1${path}`)).json()) as U
  return until(async () => {
    const query = new URLSearchParams({ query: `to:"${email}"` })
    const { messages } = await json<{ messages: { ID: string }[] }>(`/search?${query}`)
    for (const { ID } of messages) {
      const found = find(await json<Mail>(`/message/${ID}`))
      if (found !== undefined) return found
    }
    throw new Error(`Nothing of the kind has come for ${email}.`)
  })
}

export function mailedCode(email: string): Promise<string> {
  return mailed(email, ({ Text }) => /^\s*(\d{6})\s*$/m.exec(Text)?.[1])
}

/** Tries until it succeeds. */
export async function until<T>(attempt: () => Promise<T>): Promise<T> {
  const deadlineMs = Date.now() + MAIL_WAIT_MS
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (Date.now() > deadlineMs) throw error
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
    }
  }
}

/** WCAG 2.2 AA as far as axe sees it, of the page as it stands. */
export async function expectAccessible(page: Page): Promise<void> {
  // A colour on its way to another is neither.
  await page.evaluate(async () => {
    const changes = document.getAnimations().filter((each) => each instanceof CSSTransition)
    await Promise.allSettled(changes.map(({ finished }) => finished))
  })
  const { violations } = await analysed(page)
  expect(
    violations.map(
      ({ id, nodes }) =>
        `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(' ')} ${failureSummary}`).join('; ')}`,
    ),
  ).toEqual([])
}

/** Where the page changes under it, axe breaks off: it looks again. What it finds is never looked at twice. */
async function analysed(page: Page, triesLeft = 3): ReturnType<AxeBuilder['analyze']> {
  try {
    return await new AxeBuilder({ page })
      .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
      .analyze()
  } catch (error) {
    if (triesLeft <= 1) throw error
    return analysed(page, triesLeft - 1)
  }
}

/** Nothing of the page is wider than its window. */
export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const { scroll, client } = await page.evaluate(() => ({
    scroll: document.documentElement.scrollWidth,
    client: document.documentElement.clientWidth,
  }))
  expect(scroll).toBeLessThanOrEqual(client)
}
