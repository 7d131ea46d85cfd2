import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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

/** Notes what its completion offers, and ends. */
const ZSHRC = `
PROMPT=
autoload -U compinit; compinit -D -u
source "$ZDOTDIR/script"
compadd() {
  local -a offered
  # What is only counted or stored is not offered yet.
  if [[ " \${(j: :)@[1,(i)(-|--)]} " == *' -'[a-zA-Z0-9]#[OAD]' '* ]]; then builtin compadd "$@"; return; fi
  builtin compadd -O offered "$@"
  print -r -l -- $offered >>"$ZDOTDIR/offered"
  builtin compadd "$@"
}
comppostfuncs=(ended)
ended() { exit }
bindkey '^I' complete-word
`
/** A terminal in which somebody types the line and the tab key. */
const TYPED = `
zmodload zsh/zpty
zpty shell zsh -d -i
zpty -n -w shell "$1"$'\\t'
while zpty -r shell line; do :; done
`

/** What zsh offers for an unfinished line, in an empty folder. */
async function offeredByZsh(line: string): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'mcpshield-zsh-'))
  try {
    writeFileSync(join(folder, '.zshrc'), ZSHRC)
    writeFileSync(join(folder, 'script'), await script('zsh'))
    writeFileSync(join(folder, 'offered'), '')
    const empty = join(folder, 'empty')
    mkdirSync(empty)
    const env = { PATH: process.env['PATH'], HOME: folder, ZDOTDIR: folder, TERM: 'xterm' }
    spawnSync('zsh', ['-f', '-c', TYPED, 'zsh', line], { env, cwd: empty, timeout: 20_000 })
    const offers = readFileSync(join(folder, 'offered'), 'utf8').split('\n')
    return offers.filter((offer) => offer !== '').toSorted()
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe.runIf(has('zsh'))('zsh completes', { timeout: 30_000 }, () => {
  test.for<[string, string[]]>([
    ['mcpshield pi', ['pins']],
    ['mcpshield p', ['pins', 'policy', 'projects']],
    ['mcpshield policy pu', ['pull', 'push']],
    ['mcpshield policy push --n', ['--note']],
    ['mcpshield policy push --note pins --b', ['--base']],
    ['mcpshield inspect --dialect m', ['mongodb', 'mysql']],
    ['mcpshield connect cl', ['claude-code', 'claude-desktop', 'cline', 'cline-cli']],
    ['mcpshield completion ', ['--help', 'bash', 'fish', 'zsh']],
    ['mcpshield policy eval --policy ', []],
    ['mcpshield wrap -- --', []],
  ])('%s', async ([line, wanted]) => {
    expect(await offeredByZsh(line)).toEqual(wanted)
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
