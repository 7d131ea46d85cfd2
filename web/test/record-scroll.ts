// Looking at a long list in a browser: which records its rows have, whether any of them are blank, and how long it takes
// until none are. The records are numbered (`reportEvents`): the newest has the highest number, and the oldest is 0.
import type { Page } from '@playwright/test'

export type Shown = {
  /** Numbers of the records in view, from top to bottom; null where a row is blank. */
  numbers: (number | null)[]
  /** Rows that are drawn, in view or not. */
  drawn: number
}

/** What is in view at this moment. */
export function shownRows(page: Page): Promise<Shown> {
  return page.getByRole('grid', { name: 'Calls, newest first' }).evaluate((grid) => {
    const bounds = grid.getBoundingClientRect()
    const headBottom = grid.querySelector('[role=rowgroup]')!.getBoundingClientRect().bottom
    const rows = [...grid.querySelectorAll('[role=row][id]')]
    const numbers = rows
      .map((row) => ({ row, box: row.getBoundingClientRect() }))
      .filter(({ box }) => box.bottom > headBottom + 1 && box.top < bounds.bottom - 1)
      .sort((one, other) => one.box.top - other.box.top)
      .map(({ row }) => {
        const number = /"number":(\d+)/.exec(row.textContent ?? '')?.[1]
        return number === undefined ? null : Number(number)
      })
    return { numbers, drawn: rows.length }
  })
}

/** Waits until no row in view is blank, and they are those that are wanted; answers what is shown and how long it took. */
export async function settledRows(
  page: Page,
  withinMs: number,
  isWanted: (numbers: number[]) => boolean = () => true,
): Promise<{ numbers: number[]; drawn: number; tookMs: number }> {
  const startMs = performance.now()
  for (;;) {
    const shown = await shownRows(page)
    const tookMs = performance.now() - startMs
    const numbers = shown.numbers.filter((number) => number !== null)
    if (numbers.length > 0 && numbers.length === shown.numbers.length && isWanted(numbers))
      return { numbers, drawn: shown.drawn, tookMs }
    if (tookMs > withinMs)
      throw new Error(`After ${Math.round(tookMs)} ms there are other rows: ${JSON.stringify(shown.numbers)}`)
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(resolve)))
  }
}

/** Throws unless each number is one less than the one before: no gap, none twice. */
export function requireRunDown(numbers: readonly (number | null)[], where: string): void {
  for (const [at, number] of numbers.entries()) {
    const before = numbers[at - 1]
    if (number === null || (at > 0 && before !== null && before !== undefined && number !== before - 1))
      throw new Error(`${where}: ${before ?? 'blank'} is followed by ${number ?? 'a blank row'}.`)
  }
}

/** Puts the scroll bar at a part of its length, as somebody who drags it does. */
export async function dragTo(page: Page, part: number): Promise<void> {
  await page.getByRole('grid', { name: 'Calls, newest first' }).evaluate((grid, to) => {
    grid.scrollTop = (grid.scrollHeight - grid.clientHeight) * to
  }, part)
}
