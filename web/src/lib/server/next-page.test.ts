import { expect, test } from 'vitest'
import { nextPage, nextQuery } from './next-page.ts'

const at = (next: string) => new URL(`https://shield.example/auth/sign-in?next=${encodeURIComponent(next)}`)

test.for(['/app/audits?decision=deny', '/auth/accept-invitation?token=abc'])('%s is gone on to', (next) => {
  expect(nextPage(at(next))).toBe(next)
  expect(nextQuery(at(next))).toBe(`?next=${encodeURIComponent(next)}`)
})

test.for([
  '',
  '//evil.example/app',
  '/\\evil.example/app',
  'https://evil.example/app',
  'javascript:alert(1)',
  '/app/../auth/sign-out',
  '/auth/sign-in',
  '/auth/accept-invitation/../sign-out',
])('“%s” is not: it leads to the projects', (next) => {
  expect(nextPage(at(next))).toBe('/app/projects')
  expect(nextQuery(at(next))).toBe('')
})
