import { generateSync } from 'otplib'
import { expect, test } from 'vitest'
import { isAppCode, newRecoveryCodes, newTotpSecret, otpauthUri, recoveryDigest, stepOf } from './totp.ts'

const secret = newTotpSecret()
const at = (seconds: number) => new Date(1_800_000_000_000 + seconds * 1000)
const codeAt = (seconds: number) => generateSync({ secret, epoch: Math.floor(at(seconds).getTime() / 1000) })

test.for([
  [0, true],
  [-30, true],
  [30, true],
  [-60, false],
  [60, false],
] as const)('a code of %i seconds from now: %s', ([seconds, taken]) => {
  const step = stepOf(secret, codeAt(seconds), at(0))
  expect(step).toBe(taken ? Math.floor(at(seconds).getTime() / 30_000) : undefined)
})

test('a code of another secret is of no step', () => {
  expect(stepOf(newTotpSecret(), codeAt(0), at(0))).toBeUndefined()
})

test('a secret has 160 bits, and the URI names who and what for', () => {
  expect(secret).toMatch(/^[A-Z2-7]{32}$/)
  const uri = new URL(otpauthUri(secret, 'ada@example.com'))
  expect(decodeURIComponent(uri.pathname)).toContain('MCPShield:ada@example.com')
  expect(uri.searchParams.get('secret')).toBe(secret)
})

test('recovery codes are ten different ones of 120 bits, and read however they are typed', () => {
  const codes = newRecoveryCodes()
  expect(new Set(codes).size).toBe(10)
  const [code = ''] = codes
  expect(code).toMatch(/^([A-Z2-7]{4}-){5}[A-Z2-7]{4}$/)
  expect(recoveryDigest(` ${code.toLowerCase().replaceAll('-', ' ')} `)).toBe(recoveryDigest(code))
  expect(recoveryDigest(code)).not.toBe(recoveryDigest(codes[1] ?? ''))
  expect(isAppCode(code)).toBe(false)
  expect(isAppCode('123 456')).toBe(true)
})
