import { expect, test } from 'vitest'
import { plainName } from './plain-names.ts'

test.for([
  ['Ada Lovelace', 'Ada Lovelace'],
  ['  Ada \t Lovelace ', 'Ada Lovelace'],
  ['J.R.R. Tolkien', 'J.R.R. Tolkien'],
  ['Zoë Ångström 李', 'Zoë Ångström 李'],
  ['Ada\r\nBcc: everyone@example.org', 'Ada Bcc: everyone@example[.]org'],
  ['Ada\u2028Bcc', 'Ada Bcc'],
  ['Ada\0\u0007', 'Ada'],
  ['\u202Ecod.live\u202C', 'cod[.]live'],
  ['A\u200Bd\uFEFFa\u2066', 'Ada'],
  ['evil.com', 'evil[.]com'],
  ['https://evil.com/login', 'https[:]/evil[.]com/login'],
  ['http://localhost:1/x', 'http[:]/localhost:1/x'],
  ['//evil.com', '/evil[.]com'],
  ['www.x', 'www[].x'],
  ['mailto:a@b.io', 'mailto[:]a@b[.]io'],
  ['javascript:alert(1)', 'javascript[:]alert(1)'],
  ['\\\\server\\share', '\\server\\share'],
  ['evil。com', 'evil[.]com'],
  ['xn--80ak6aa92e.com', 'xn--80ak6aa92e[.]com'],
  ['пример.рф', 'пример[.]рф'],
  [
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36',
  ],
  ['', ''],
] as const)('%j is shown as %j', ([text, shown]) => {
  expect(plainName(text)).toBe(shown)
})

test('a long name is cut between characters, never inside one', () => {
  expect(plainName('x'.repeat(100), 10)).toBe(`${'x'.repeat(9)}…`)
  expect(plainName('😀'.repeat(100), 10)).toBe(`${'😀'.repeat(9)}…`)
})

test('a letter keeps its marks, but no heap of them', () => {
  expect(plainName(`a${'\u0301'.repeat(50)}b`)).toHaveLength('á'.length + 4 + 1)
})

test('half of a surrogate pair does not come through', () => {
  expect(plainName('a\uD800b')).toBe('ab')
})
