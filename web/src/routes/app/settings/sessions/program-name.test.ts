import { expect, test } from 'vitest'
import { programName } from './program-name.ts'

const GECKO = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
const CHROME =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'
const SAFARI =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15'
const PHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1'

test.for([
  [GECKO, 'Firefox on Linux'],
  [CHROME, 'Chrome on Windows'],
  [`${CHROME} Edg/140.0.0.0`, 'Edge on Windows'],
  [SAFARI, 'Safari on macOS'],
  [PHONE, 'Safari on iOS'],
  ['curl/8.5.0', 'curl'],
  ['my-script 1.0', 'my-script 1.0'],
  ['x'.repeat(500), `${'x'.repeat(60)}…`],
  [null, 'Not told'],
  ['', 'Not told'],
] as const)('%s is called %s', ([userAgent, name]) => {
  expect(programName(userAgent)).toBe(name)
})
