import { expect, test } from 'vitest'
import { failureOf, type FailureKind, type Stage } from './failures.ts'

type Case = [string, { code: string; command?: string; responseCode?: number }, Stage, FailureKind]

test.for<Case>([
  ['nobody listens', { code: 'ESOCKET', command: 'CONN' }, 'connecting', 'unreachable'],
  ['no such host', { code: 'EDNS' }, 'connecting', 'unreachable'],
  ['wrong password', { code: 'EAUTH', responseCode: 535 }, 'connecting', 'unreachable'],
  ['TLS fails', { code: 'ETLS' }, 'connecting', 'unreachable'],
  ['greeted with 554', { code: 'EPROTOCOL', responseCode: 554 }, 'connecting', 'unreachable'],
  ['closing for everybody', { code: 'ECONNECTION', responseCode: 421 }, 'talking', 'unreachable'],
  ['closing while handed over', { code: 'ECONNECTION', responseCode: 421 }, 'handing over', 'unreachable'],
  ['no such mailbox', { code: 'EENVELOPE', command: 'RCPT TO', responseCode: 550 }, 'talking', 'permanent'],
  ['greylisted', { code: 'EENVELOPE', command: 'RCPT TO', responseCode: 451 }, 'talking', 'temporary'],
  ['sender refused', { code: 'EENVELOPE', command: 'MAIL FROM', responseCode: 553 }, 'talking', 'temporary'],
  ['content refused', { code: 'EMESSAGE', command: 'DATA', responseCode: 554 }, 'handing over', 'permanent'],
  ['disk full there', { code: 'EMESSAGE', command: 'DATA', responseCode: 452 }, 'handing over', 'temporary'],
  ['an address nobody can have', { code: 'EENVELOPE', command: 'API' }, 'talking', 'permanent'],
  ['cut before the mail', { code: 'ECONNECTION', command: 'CONN' }, 'talking', 'temporary'],
  ['late before the mail', { code: 'EABORT' }, 'talking', 'temporary'],
  ['cut in the mail', { code: 'ECONNECTION', command: 'CONN' }, 'handing over', 'uncertain'],
  ['no answer to the mail', { code: 'ETIMEDOUT', command: 'CONN' }, 'handing over', 'uncertain'],
  ['given up in the mail', { code: 'EABORT' }, 'handing over', 'uncertain'],
])('%s', ([, fields, stage, kind]) => {
  expect(failureOf(Object.assign(new Error('no'), fields), stage).kind).toBe(kind)
})

test('the reason repeats no address', () => {
  const error = Object.assign(new Error('x'), {
    response: '550 5.1.1 <ada@example.org>: user ada+x@example.org unknown',
  })
  expect(failureOf(error, 'talking').message).toBe('550 5.1.1 <…@…>: user …@… unknown')
})
