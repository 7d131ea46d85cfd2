import { describe, expect, test } from 'vitest'
import { findSecrets } from '../src/find.ts'
import { readCases, specFiles } from './cases.ts'

describe.for(specFiles)('%s', (file) => {
  const cases = readCases(file)
  const secrets = cases.filter(({ finding }) => finding !== undefined)
  if (secrets.length > 0) {
    test.for(secrets)('$name is found, and nothing beside it', ({ text, finding }) => {
      expect(findSecrets(text)).toEqual([finding])
    })
  }
  test.for(cases.filter(({ finding }) => finding === undefined))('$name is left alone', ({ text }) => {
    expect(findSecrets(text)).toEqual([])
  })
})
