import { describe, expect, test } from 'vitest'
import { normalizePath } from '../src/paths.ts'
import { parseUrl } from '../src/urls.ts'
import { spec } from './spec.ts'

describe('paths of the spec', () => {
  test.each(spec<{ path: string; root?: string; normal: string | null }>('paths.jsonl'))(
    '$path in $root',
    ({ path, root, normal }) => {
      const result = normalizePath(path, root)
      if (normal === null) expect(result).toHaveProperty('unknown')
      else expect(result).toBe(normal)
    },
  )
})

describe('URLs of the spec', () => {
  test.each(spec<{ url: string; unknown?: true; scheme: string; host: string; port: number }>('urls.jsonl'))(
    '$url',
    ({ url, unknown, ...fact }) => {
      if (unknown) expect(parseUrl(url)).toHaveProperty('unknown')
      else expect(parseUrl(url)).toMatchObject(fact)
    },
  )

  test('a scheme that the tool cannot reach is unknown', () => {
    expect(parseUrl('ws://a.test/', ['http', 'https'])).toHaveProperty('unknown')
    expect(parseUrl('http://a.test/', ['http', 'https'])).toMatchObject({ host: 'a.test' })
  })
})
