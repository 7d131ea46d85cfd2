// `npm run scroll-audits`: 100,000 records in the audit list of a product that runs, looked at by somebody in a hurry: to the
// end and back by keys, by the scroll bar, by a moment, and then through all of them, page by page. Fails where a row is
// missing, comes twice or stays blank, where the list's end is not the oldest record, or where the page's memory grows.
import { parseArgs } from 'node:util'
import { chromium, type Browser, type Page } from '@playwright/test'
import { chromiumPath } from './chromium.ts'
import { api, beIn, newPerson, newProject, type Person } from './browser.ts'
import { dragTo, requireRunDown, settledRows } from './record-scroll.ts'
import { recordEvents } from './records.ts'

const HELP = `npm run scroll-audits -- [--web http://localhost:3000] [--api http://localhost:8000] [--mail http://localhost:8025] [--records 100000] [--jumps 20] [--all]

Makes a person of its own with that many records. --all scrolls through every one of them (some minutes).`

const { values } = parseArgs({
  options: {
    web: { type: 'string', default: 'http://localhost:3000' },
    api: { type: 'string', default: 'http://localhost:8000' },
    mail: { type: 'string', default: 'http://localhost:8025' },
    records: { type: 'string', default: '100000' },
    jumps: { type: 'string', default: '20' },
    all: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(HELP)
  process.exit(0)
}

const RECORDS = Number(values.records)
/** No row in view may be blank for longer. */
const PATIENCE_MS = 10_000
const MOST_HEAP_GROWTH_BYTES = 60e6
const MOST_ROWS_DRAWN = 120
const ROW_PX = 34

type Figure = { what: string; times: number; middle: string; worst: string }
const taken = new Map<string, number[]>()
const figures: Figure[] = []

beIn({ ...values, mcp: '', model: '' })
const person = await newPerson('Reader')
const { api_key: key } = await api<{ api_key: string }>(
  person.token,
  'POST',
  `/projects/${(await newProject(person)).id}/keys`,
  { name: 'reporter' },
)
const startedMs = Date.now()
// Before the person's own acts, which are records as well.
const untilMs = startedMs - 60_000
await recordEvents(person, key, RECORDS, untilMs)
console.log(
  `${RECORDS} records of ${person.email} (${person.password}) reported in ${Math.round((Date.now() - startedMs) / 1_000)} s`,
)
const browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox'] })
try {
  await look(browser, person)
} finally {
  console.table(figures)
  await browser.close()
}

async function look(on: Browser, { email, password }: Person): Promise<void> {
  const context = await on.newContext({ baseURL: values.web, viewport: { width: 1440, height: 900 } })
  const page = await context.newPage()
  await page.goto('/auth/sign-in')
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL('**/app/**')
  const to = encodeURIComponent(new Date(untilMs).toISOString())
  await measure('opened', [() => page.goto(`/app/audits?to=${to}`)], page)
  await page.getByText(/^[\d,]+ calls/).waitFor()
  const heapBefore = await heapBytes(page)
  await keys(page)
  await jumps(page)
  if (values.all) await through(page)
  const grown = (await heapBytes(page)) - heapBefore
  figures.push({ what: 'memory of the page, grown by', times: 1, middle: megabytes(grown), worst: '' })
  if (grown > MOST_HEAP_GROWTH_BYTES) throw new Error(`The page has grown by ${megabytes(grown)}.`)
}

async function keys(page: Page): Promise<void> {
  const grid = page.getByRole('grid', { name: 'Calls, newest first' })
  await grid.focus()
  const isOldest = (numbers: number[]) => numbers.at(-1) === 0
  const isNewest = (numbers: number[]) => numbers[0] === RECORDS - 1
  await measure('End, to the oldest', [() => page.keyboard.press('End')], page, isOldest)
  await measure('Home, to the newest', [() => page.keyboard.press('Home')], page, isNewest)
  const pages = Array.from({ length: 60 }, () => () => page.keyboard.press('PageDown'))
  await measure('PageDown', pages, page)
  await page.keyboard.press('End')
  await settledRows(page, PATIENCE_MS, isOldest)
  await measure(
    'PageUp from the end',
    Array.from({ length: 60 }, () => () => page.keyboard.press('PageUp')),
    page,
  )
}

async function jumps(page: Page): Promise<void> {
  const parts = Array.from({ length: Number(values.jumps) }, (_, at) => ((at * 0.618) % 1) * 0.98 + 0.01)
  const far: number[] = []
  for (const part of parts) {
    const numbers = await measure('the bar dragged', [() => dragTo(page, part)], page)
    const wanted = (1 - part) * RECORDS
    far.push(Math.abs(numbers[0]! - wanted) / RECORDS)
  }
  figures.push({
    what: 'place of the bar, off by',
    times: far.length,
    middle: `${(middleOf(far) * 100).toFixed(1)} %`,
    worst: `${(Math.max(...far) * 100).toFixed(1)} %`,
  })
  const isOldest = (numbers: number[]) => numbers.at(-1) === 0
  await measure('the bar dragged to its end', [() => dragTo(page, 1)], page, isOldest)
}

/** Every record, in order, once. */
async function through(page: Page): Promise<void> {
  const grid = page.getByRole('grid', { name: 'Calls, newest first' })
  await grid.focus()
  await page.keyboard.press('Home')
  let next = RECORDS - 1
  const startMs = performance.now()
  const times: number[] = []
  while (next >= 0) {
    const isThere = (numbers: number[]) => numbers.includes(next)
    const { numbers, tookMs, drawn } = await settledRows(page, 30_000, isThere)
    times.push(tookMs)
    requireRunDown(numbers, `at record ${next}`)
    if (drawn > MOST_ROWS_DRAWN) throw new Error(`${drawn} rows are drawn.`)
    next = numbers.at(-1)! - 1
    await grid.evaluate((element, px) => (element.scrollTop += px), (numbers.length - 1) * ROW_PX)
  }
  report('each screen of all', times)
  console.log(
    `all ${RECORDS} rows, in order and once, in ${Math.round((performance.now() - startMs) / 1_000)} s`,
  )
}

/** How long each takes until no row is blank; answers the numbers in view after the last. */
async function measure(
  what: string,
  acts: (() => Promise<unknown>)[],
  page: Page,
  isWanted?: (numbers: number[]) => boolean,
): Promise<number[]> {
  const times: number[] = []
  let last: number[] = []
  for (const act of acts) {
    const startMs = performance.now()
    await act()
    // What is shown is what was before, until the frame after.
    await page.evaluate(
      () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
    )
    const { numbers } = await settledRows(page, PATIENCE_MS, isWanted)
    times.push(performance.now() - startMs)
    requireRunDown(numbers, what)
    last = numbers
  }
  report(what, times)
  return last
}

function report(what: string, times: number[]): void {
  const known = figures.find((each) => each.what === what)
  const all = [...(taken.get(what) ?? []), ...times]
  taken.set(what, all)
  const figure = {
    what,
    times: all.length,
    middle: `${Math.round(middleOf(all))} ms`,
    worst: `${Math.round(Math.max(...all))} ms`,
  }
  if (known === undefined) figures.push(figure)
  else Object.assign(known, figure)
}

function middleOf(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN
}

async function heapBytes(page: Page): Promise<number> {
  const session = await page.context().newCDPSession(page)
  await session.send('HeapProfiler.collectGarbage')
  const { usedSize } = (await session.send('Runtime.getHeapUsage')) as { usedSize: number }
  await session.detach()
  return usedSize
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
