import { expect, test } from 'vitest'
import { tokensOf } from './code-tokens.ts'

const told = (line: string) =>
  tokensOf(line).map(({ text, kind }) => (kind === 'plain' ? text : `${kind}:${text}`))

test.for([
  ['  decision: deny', ['  ', 'key:decision', 'mark::', ' ', 'deny:deny']],
  [
    "  - tool: 'files/*' # all",
    ['  ', 'mark:-', ' ', 'key:tool', 'mark::', ' ', "text:'files/*'", ' ', 'comment:# all'],
  ],
  [
    '{ "url": "http://a#b" }',
    ['mark:{', ' ', 'key:"url"', 'mark::', ' ', 'text:"http://a#b"', ' ', 'mark:}'],
  ],
  ['cache:agent:7', ['cache', 'mark::', 'agent', 'mark::', '7']],
] as const)('%s is told apart', ([line, parts]) => expect(told(line)).toEqual(parts))

test('nothing of a line is lost', () => {
  for (const line of ['', '\t"open', 'ü: “é” 🙂', "it's: 'a''b'", '-- : #'])
    expect(
      tokensOf(line)
        .map(({ text }) => text)
        .join(''),
    ).toBe(line)
})
