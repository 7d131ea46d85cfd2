import { describe, expect, test } from 'vitest'
import { AppError } from '@mcpshield/contracts/errors'
import { edge } from '../test/edge.ts'

const done = { project_id: '0198a000-0000-7000-8000-000000000001', upstream: 'a', authorized: true }
const browser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

async function callback(headers: Record<string, string>, answer: () => Promise<object>) {
  const { app } = await edge({ answer: async () => answer() as Promise<Record<string, unknown>> })
  return app.inject({ method: 'GET', url: '/oauth/callback?state=s&code=c', headers })
}

describe('where a person is sent back to', () => {
  test('shows a browser a page, with nothing in it that the page would act on', async () => {
    const detail = 'The upstream <a> & "b" is authorised.'
    const { statusCode, headers, body } = await callback(browser, () => Promise.resolve({ ...done, detail }))
    expect([statusCode, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
    expect(headers['content-security-policy']).toContain("default-src 'none'")
    expect(body).toContain('<p>The upstream &lt;a&gt; &amp; &quot;b&quot; is authorised.</p>')
    expect(body).not.toContain('<a>')
  })

  test('gives a program JSON', async () => {
    for (const headers of [{}, { accept: '*/*' }, { accept: 'application/json' }, { accept: 'xtext/html' }]) {
      const answer = await callback(headers, () => Promise.resolve({ ...done, detail: 'x' }))
      expect(answer.json()).toEqual({ ...done, detail: 'x' })
    }
  })

  test('says on the page why it did not work, but nothing of a bug', async () => {
    const expired = await callback(browser, () => Promise.reject(new AppError('EXPIRED', 'Too <late>.')))
    expect([expired.statusCode, expired.body.includes('<p>Too &lt;late&gt;.</p>')]).toEqual([410, true])
    const broken = await callback(browser, () => Promise.reject(new Error('s3cret')))
    expect([broken.statusCode, broken.headers['content-type']]).toEqual([
      500,
      expect.stringContaining('problem+json'),
    ])
    expect(broken.body).not.toContain('s3cret')
  })
})
