// docs/cli-reference.md is what the commands themselves say. A surface that changes on purpose:
// `vitest run --project fast cli/test/reference.test.ts -u`, then read the difference.
import { join } from 'node:path'
import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { commands } from '../src/program.ts'
import { worldOf } from './in-process.ts'

const FILE = join(import.meta.dirname, '../../docs/cli-reference.md')

test('the reference has every command, in the words of its own help', async () => {
  const { world } = worldOf({})
  const program = commands(world, async () => undefined)
  const sections = runnable(program).map((command) => section(command))
  expect(sections.length).toBeGreaterThan(20)
  await expect(`${HEAD}\n${sections.join('\n')}`).toMatchFileSnapshot(FILE)
})

test('every command and every group of them has an example in its help', () => {
  const { world } = worldOf({})
  const program = commands(world, async () => undefined)
  const without = [program, ...everyCommand(program)].filter((each) => !/\nExample:\n {2}/.test(helpOf(each)))
  expect(without.map(pathOf)).toEqual([])
})

test('every command takes --json, but for those whose output is another program’s to read', () => {
  const { world } = worldOf({})
  const without = runnable(commands(world, async () => undefined)).filter(
    ({ options }) => !options.some(({ long }) => long === '--json'),
  )
  expect(without.map(pathOf)).toEqual(['wrap', 'completion'])
})

const everyCommand = (command: Command): Command[] =>
  command.commands.filter((each) => each.name() !== 'help').flatMap((each) => [each, ...everyCommand(each)])

const HEAD = `# Command reference

Made from the commands themselves: each says the same with \`--help\`. What they are for, with their input and output, is
in [cli.md](cli.md).
`

/** Those that do something: groups of commands only have help. */
function runnable(command: Command): Command[] {
  const below = command.commands.filter((each) => each.name() !== 'help')
  return below.length === 0 ? [command] : below.flatMap(runnable)
}

function section(command: Command): string {
  return `## mcpshield ${pathOf(command)}\n\n\`\`\`text\n${helpOf(command).trim()}\n\`\`\`\n`
}

function pathOf(command: Command): string {
  const names: string[] = []
  for (let each: Command | null = command; each?.parent != null; each = each.parent)
    names.unshift(each.name())
  return names.join(' ')
}

/** The help with what comes before and after it, as a terminal of 80 columns shows it. */
function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 80 })
  command.outputHelp()
  return text
}
