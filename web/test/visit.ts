// Going to a page, and waiting until its scripts answer: before that its forms are plain ones.
import type { Page } from './browser.ts'

export async function visit(page: Page, path: string) {
  const response = await page.goto(path)
  await answering(page)
  return response
}

export async function revisit(page: Page): Promise<void> {
  await page.reload()
  await answering(page)
}

/** Svelte keeps the handlers of an element in symbols of it. */
export async function answering(page: Page): Promise<void> {
  await page.waitForFunction(() =>
    [...document.querySelectorAll('button')].some(
      (button) => Object.getOwnPropertySymbols(button).length > 0,
    ),
  )
}
