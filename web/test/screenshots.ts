// `npm run screenshots`: each page of the dashboard in both themes, wide and as on a phone, of a product that runs
// (`npm start` in another terminal). Signs in with the demo's account. Pictures go to .mcpshield/screenshots.
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { chromium, type Browser, type Page } from '@playwright/test'
import { chromiumPath } from './chromium.ts'

const HELP = `npm run screenshots -- [--web http://localhost:3000] [--email demo@example.com] [--password-file .mcpshield/secrets/demo-password] [--out .mcpshield/screenshots] [word …]

Words choose pages by their name. Example: npm run screenshots -- policy audits`

const ROOT = join(import.meta.dirname, '../..')
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    web: { type: 'string', default: 'http://localhost:3000' },
    email: { type: 'string', default: 'demo@example.com' },
    'password-file': { type: 'string', default: join(ROOT, '.mcpshield/secrets/demo-password') },
    out: { type: 'string', default: join(ROOT, '.mcpshield/screenshots') },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(HELP)
  process.exit(0)
}

const SIZES = { wide: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } }
const THEMES = ['light', 'dark'] as const
/** `{project}` is the first project of the account. */
const PAGES: Record<string, string> = {
  landing: '/',
  pricing: '/pricing',
  docs: '/docs',
  'sign-up': '/auth/sign-up',
  'sign-in': '/auth/sign-in',
  'forgot-password': '/auth/forgot-password',
  projects: '/app/projects',
  overview: '/app/projects/{project}',
  connect: '/app/projects/{project}/connect',
  servers: '/app/projects/{project}/servers',
  policy: '/app/projects/{project}/policy',
  'policy-try': '/app/projects/{project}/policy/try',
  'policy-versions': '/app/projects/{project}/policy/versions',
  assistant: '/app/projects/{project}/assistant',
  approvals: '/app/projects/{project}/approvals',
  keys: '/app/projects/{project}/keys',
  'project-settings': '/app/projects/{project}/settings',
  audits: '/app/audits',
  usage: '/app/usage',
  billing: '/app/billing',
  profile: '/app/profile',
  sessions: '/app/settings/sessions',
  members: '/app/settings/members',
  'second-factor': '/app/settings/second-factor',
  'organization-policy': '/app/settings/policy',
  siem: '/app/settings/siem',
  missing: '/app/no-such-page',
}

const browser = await chromium.launch({
  executablePath: chromiumPath(),
  args: ['--no-sandbox'],
})
try {
  await takeAll(browser)
} finally {
  await browser.close()
}

async function takeAll(on: Browser): Promise<void> {
  mkdirSync(values.out, { recursive: true })
  const state = await signedIn(on)
  const project = await firstProject(on, state)
  const chosen = Object.entries(PAGES).filter(
    ([name]) => positionals.length === 0 || positionals.some((word) => name.includes(word)),
  )
  for (const theme of THEMES)
    for (const [size, viewport] of Object.entries(SIZES)) {
      const context = await on.newContext({
        baseURL: values.web,
        viewport,
        colorScheme: theme,
        storageState: state,
      })
      const anyone = await on.newContext({ baseURL: values.web, viewport, colorScheme: theme })
      for (const [name, path] of chosen) {
        const page = await (path.startsWith('/auth') ? anyone : context).newPage()
        await take(page, path.replace('{project}', project), join(values.out, `${name}-${size}-${theme}.png`))
        await page.close()
      }
      await Promise.all([context.close(), anyone.close()])
    }
}

async function take(page: Page, path: string, file: string): Promise<void> {
  await page.goto(path)
  // A page with a live stream is never idle.
  await page.waitForLoadState('networkidle', { timeout: 3_000 }).catch(() => undefined)
  await page.screenshot({ path: file })
  console.log(file)
}

type State = Awaited<ReturnType<Awaited<ReturnType<Browser['newContext']>>['storageState']>>

async function signedIn(on: Browser): Promise<State> {
  const context = await on.newContext({ baseURL: values.web })
  const page = await context.newPage()
  await page.goto('/auth/sign-in')
  await page.getByLabel('E-mail').fill(values.email)
  await page
    .getByLabel('Password', { exact: true })
    .fill(readFileSync(values['password-file'], 'utf8').trim())
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL('**/app/**')
  const state = await context.storageState()
  await context.close()
  return state
}

async function firstProject(on: Browser, storageState: State): Promise<string> {
  const context = await on.newContext({ baseURL: values.web, storageState })
  const page = await context.newPage()
  await page.goto('/app/projects')
  await page.waitForLoadState('networkidle')
  const links = await page
    .locator('main a')
    .evaluateAll((all) => all.map((each) => each.getAttribute('href') ?? ''))
  await context.close()
  const id = links.flatMap((href) => /\/app\/projects\/([0-9a-f-]{36})/.exec(href)?.[1] ?? [])[0]
  if (id === undefined)
    throw new Error('The account has no project: run it against `npm start`, whose demo has one.')
  return id
}
