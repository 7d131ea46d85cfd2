// Which browser the tests drive: the system's own.
import { existsSync } from 'node:fs'

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
]

/** `undefined` where there is none. */
export function findChromium(): string | undefined {
  const given = process.env['CHROMIUM']
  return given ?? PLACES.find((place) => existsSync(place))
}

export function chromiumPath(): string {
  const found = findChromium()
  if (found === undefined)
    throw new Error(`There is no Chromium: install it (apt install chromium), or name it in CHROMIUM.`)
  return found
}
