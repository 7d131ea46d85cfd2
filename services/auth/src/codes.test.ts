import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { mailedCodes } from './codes.ts'

const codes = mailedCodes('ab'.repeat(32), 6)

test('a request has one code, other requests and other keys have others', () => {
  const id = randomUUID()
  expect(codes.codeFor(id)).toMatch(/^\d{6}$/)
  expect(codes.codeFor(id)).toBe(codes.codeFor(id))
  expect(new Set(Array.from({ length: 50 }, () => codes.codeFor(randomUUID()))).size).toBeGreaterThan(45)
  const others = [mailedCodes('cd'.repeat(32), 6), mailedCodes('ef'.repeat(32), 6)]
  expect(others.some((other) => other.codeFor(id) !== codes.codeFor(id))).toBe(true)
})

test('codes keep their leading zeros and are spread over all digits', () => {
  const made = Array.from({ length: 2_000 }, () => codes.codeFor(randomUUID()))
  expect(made.every((code) => code.length === 6)).toBe(true)
  const first = new Set(made.map((code) => code[0]))
  expect(first.size).toBe(10)
})

test('what is stored is of one address, one purpose and one code, and does not show it', () => {
  const about = { email: 'ada@example.com', purpose: 'verify_email', code: '123456' } as const
  const mac = codes.macOf(about)
  expect(codes.macOf({ ...about })).toBe(mac)
  expect(codes.macOf({ ...about, code: '123457' })).not.toBe(mac)
  expect(codes.macOf({ ...about, email: 'eve@example.com' })).not.toBe(mac)
  expect(codes.macOf({ ...about, purpose: 'reset_password' })).not.toBe(mac)
  expect(mac).not.toContain('123456')
})
