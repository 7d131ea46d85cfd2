// Writes what is published of the language: the JSON Schema for editors and the reference.
// `node libs/policy/publish/write.ts`
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { policyJsonSchema } from '../src/json-schema.ts'
import { jsonText } from './json-text.ts'
import { referenceText } from './reference.ts'

const root = join(import.meta.dirname, '../../..')

/** Every published file, by its path in the repository, with the text it must have. */
export function publishedFiles(): Record<string, string> {
  const prose = readFileSync(join(import.meta.dirname, 'reference.md'), 'utf8')
  return {
    'libs/policy/schema/policy.schema.json': jsonText(policyJsonSchema()),
    'docs/policy/reference.md': referenceText(prose),
  }
}

if (import.meta.main) {
  for (const [path, text] of Object.entries(publishedFiles())) writeFileSync(join(root, path), text)
}
