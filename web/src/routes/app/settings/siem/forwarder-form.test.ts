import { expect, test } from 'vitest'
import { SiemDestinationInput } from '@mcpshield/contracts/siem'
import { destinationIn, headersIn, shownTexts, whereTo } from './forwarder-form.ts'

test('a webhook and a syslog server are what the API takes', () => {
  const webhook = destinationIn('webhook', {
    url: 'https://siem.example.com/in',
    body: 'lines',
    headers: 'Authorization: Bearer a:b\n\nX-Team: blue',
  })
  expect(SiemDestinationInput.parse(webhook)).toMatchObject({
    body: 'lines',
    headers: { Authorization: 'Bearer a:b', 'X-Team': 'blue' },
    ca_certificate: null,
  })
  const syslog = destinationIn('syslog', { host: 'logs.example.com', port: '', max_message_bytes: '' })
  expect(SiemDestinationInput.parse(syslog)).toMatchObject({ port: 6_514, max_message_bytes: 8_192 })
  expect(whereTo(SiemDestinationInput.parse(syslog) as never)).toBe('syslog over TLS, logs.example.com:6514')
})

test('headers that are there stay, unless they are given anew', () => {
  const texts = { url: 'https://siem.example.com/in', has_headers: 'yes', headers: '' }
  expect(destinationIn('webhook', texts)).not.toHaveProperty('headers')
  expect(destinationIn('webhook', { ...texts, replace_headers: 'on' })).toMatchObject({ headers: {} })
  expect(destinationIn('webhook', { ...texts, has_headers: '' })).toMatchObject({ headers: {} })
})

test('a line without a name is no header, and sealed values do not come back', () => {
  expect(headersIn('nothing\n: value\nA: b')).toEqual({ A: 'b' })
  expect(shownTexts({ url: 'x', headers: 'Authorization: secret' })).toEqual({ url: 'x' })
})
