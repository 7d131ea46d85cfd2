import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SHELLS } from '../src/completion.ts'
import { ran } from './in-process.ts'

const has = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0
const script = async (shell: string) => (await ran(['completion', shell])).stdout

/** What bash would offer for a line that ends with these words. */
async function offered(...words: string[]): Promise<string[]> {
  const ask = 'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mcpshield; printf "%s\\n" "${COMPREPLY[@]}"'
  const { stdout } = spawnSync(
    'bash',
    ['-c', `${await script('bash')}\n${ask}`, 'bash', 'mcpshield', ...words],
    {
      encoding: 'utf8',
    },
  )
  return stdout.split('\n').filter((word) => word !== '')
}

describe('bash completes', () => {
  test.for<[string[], string[]]>([
    [['p'], ['policy', 'pins', 'projects']],
    [
      ['policy', 'pu'],
      ['pull', 'push'],
    ],
    [['policy', 'push', '--n'], ['--note']],
    // Options before are passed over, and their values are no commands.
    [['policy', 'push', '--note', 'pins', '--b'], ['--base']],
    [
      ['inspect', '--dialect', 'm'],
      ['mysql', 'mongodb'],
    ],
    [
      ['connect', 'cl'],
      ['claude-code', 'claude-desktop', 'cline', 'cline-cli'],
    ],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish', '--help'],
    ],
    // Names of files are the shell's own matter, and so is what comes after --.
    [['policy', 'eval', '--policy', ''], []],
    [['wrap', '--', '--'], []],
  ])('%j', async ([words, wanted]) => {
    expect(await offered(...words)).toEqual(wanted)
  })
})

/** What fish would offer for an unfinished line. */
async function offeredByFish(line: string): Promise<string[]> {
  const ask = `${await script('fish')}\ncomplete -C ${JSON.stringify(line)}`
  const { stdout } = spawnSync('fish', ['--no-config', '-c', ask], { encoding: 'utf8' })
  return stdout.split('\n').flatMap((offer) => (offer === '' ? [] : [offer.split('\t')[0] ?? '']))
}

describe.runIf(has('fish'))('fish completes', () => {
  test.for<[string, string[]]>([
    ['mcpshield pi', ['pins']],
    ['mcpshield p', ['pins', 'policy', 'projects']],
    ['mcpshield policy pu', ['pull', 'push']],
    ['mcpshield policy push --n', ['--note']],
    ['mcpshield inspect --dialect m', ['mongodb', 'mysql']],
    ['mcpshield connect cl', ['claude-code', 'claude-desktop', 'cline', 'cline-cli']],
  ])('%s', async ([line, wanted]) => {
    expect(await offeredByFish(line)).toEqual(wanted)
  })
})

for (const shell of SHELLS)
  test.runIf(has(shell))(`the script for ${shell} is one that it can read`, async () => {
    const text = await script(shell)
    expect(text).toContain('policy')
    const folder = mkdtempSync(join(tmpdir(), 'mcpshield-completion-'))
    try {
      const file = join(folder, 'script')
      writeFileSync(file, text)
      expect(spawnSync(shell, ['-n', file], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

test('a shell that is not known is a usage error', async () => {
  expect(await ran(['completion', 'tcsh'])).toMatchObject({ code: 2 })
})
