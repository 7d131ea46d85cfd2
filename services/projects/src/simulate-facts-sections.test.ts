import { expect, test } from 'vitest'
import { sectionsOf } from './simulate-facts-sections.ts'

const FILES = { 'a/*': { paths: ['file'] } }
const URLS = { 'a/*': { urls: ['link'] } }

test('neighbouring versions with the same section are told as one', () => {
  const versions = [
    { version: 6, facts: FILES },
    { version: 5, facts: FILES },
    { version: 4, facts: null },
    { version: 3, facts: URLS },
    { version: 2, facts: URLS },
    { version: 1, facts: FILES },
  ]
  expect(sectionsOf(versions, 1_000)).toEqual([
    { from_version: 5, to_version: 6, facts: FILES },
    { from_version: 4, to_version: 4, facts: null },
    { from_version: 2, to_version: 3, facts: URLS },
    { from_version: 1, to_version: 1, facts: FILES },
  ])
})

test('of sections that are too large together the older ones are left out', () => {
  const bytes = JSON.stringify(FILES).length + JSON.stringify(URLS).length
  const versions = [3, 2, 1].map((version) => ({ version, facts: version === 2 ? URLS : FILES }))
  expect(sectionsOf(versions, bytes).map(({ from_version }) => from_version)).toEqual([3, 2])
  expect(sectionsOf(versions, bytes - 1).map(({ from_version }) => from_version)).toEqual([3])
})
