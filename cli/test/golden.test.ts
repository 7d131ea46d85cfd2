// The output of every JSON Lines command over a file of input in `spec/`, beside it as `….golden.jsonl`. A surface that
// changes on purpose: `vitest run --project fast cli/test/golden.test.ts -u`, then read the difference.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { mcpshield } from './command.ts'

const spec = (name: string) => join(import.meta.dirname, '../spec', name)

test.for<[string, string[]]>([
  ['policy-eval', ['policy', 'eval', '--policy', spec('policy.yaml'), '--facts']],
  ['inspect-postgresql', ['inspect', '--dialect', 'postgresql']],
  [
    'inspect-postgresql-schema',
    [
      'inspect',
      '--dialect',
      'postgresql',
      '--schema',
      spec('postgresql.sql'),
      '--search-path',
      'shop,public',
    ],
  ],
  ['inspect-mysql', ['inspect', '--dialect', 'mysql', '--search-path', 'shop']],
  ['inspect-sqlite', ['inspect', '--dialect', 'sqlite']],
  ['inspect-sqlite-schema', ['inspect', '--dialect', 'sqlite', '--schema', spec('sqlite.sql')]],
  ['inspect-mongodb', ['inspect', '--dialect', 'mongodb']],
  ['inspect-redis', ['inspect', '--dialect', 'redis']],
  ['redact', ['redact']],
  ['redact-email', ['redact', '--detectors', 'email,iban']],
])('%s answers every line as its golden file has it', async ([name, args]) => {
  const { code, stdout, stderr } = await mcpshield([...args, spec(`${name}.jsonl`)])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  await expect(withoutWording(stdout)).toMatchFileSnapshot(spec(`${name}.golden.jsonl`))
})

test.for([
  [],
  ['wrap'],
  ['pins', 'list'],
  ['pins', 'accept'],
  ['projects', 'create'],
  ['keys', 'create'],
  ['policy', 'pull'],
  ['policy', 'push'],
  ['policy', 'diff'],
  ['logs'],
  ['connect'],
  ['doctor'],
  ['up'],
])('the help of %s %s is as its golden file has it', async (command) => {
  const { code, stdout } = await mcpshield([...command, '--help'])
  expect(code).toBe(0)
  await expect(stdout).toMatchFileSnapshot(spec(`${['help', ...command].join('-')}.golden.txt`))
})

/** Sentences for people are others' to word: here it counts that there is one. */
function withoutWording(lines: string): string {
  return lines.replace(/"(reason|unknown)":"(?:[^"\\]|\\.)+"/g, '"$1":"…"')
}
