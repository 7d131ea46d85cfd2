// `wrap` and what belongs to it, with their options, help and examples.
import type { Command } from 'commander'
import { example, type Finish } from './command-help.ts'
import type { PinsOptions } from './commands/pins.ts'
import type { WrapOptions } from './commands/wrap.ts'
import type { World } from './world.ts'

export function addWrap(program: Command, world: World, finish: Finish): void {
  program
    .command('wrap')
    .description('stand in front of a stdio MCP server and enforce a policy; no account needed')
    .usage('--policy <file> | --project <id> [options] -- <command> [args...]')
    .argument('<command...>', 'the server')
    .option('--policy <file>', 'the policy; that of the project when absent')
    .option('--name <name>', 'the server’s name in the policy: NAME/tool; the command’s own when absent')
    .option('--server <kind>', 'the public server it is, for the facts of its tools')
    .option('--no-ask', 'refuse what a person would have to approve; else the person at the client is asked')
    .option(
      '--pins <file>',
      'where approved definitions of tools are kept, or none; a file of yours when absent',
    )
    .option('--log <file>', 'append one JSON line for each decision')
    .option('--project <id>', 'report decisions to this project, by the login or MCPSHIELD_API_KEY')
    .option('--api <url>', 'the REST API (or MCPSHIELD_API_URL)')
    .addHelpText(
      'after',
      example(
        'mcpshield wrap --policy policy.yaml --name files --server server-filesystem -- npx -y @modelcontextprotocol/server-filesystem /home/safe',
        'Ends with the exit code of the command.',
      ),
    )
    .action(async (command: string[], options: WrapOptions) => {
      const { wrap } = await import('./commands/wrap.ts')
      await finish(wrap(world, command, options))
    })
}

export function addPins(program: Command, world: World, finish: Finish): void {
  const pins = program
    .command('pins')
    .description('see and accept changed definitions of the tools of a wrapped server')
    .addHelpText('after', example('mcpshield pins list --name files'))
  const command = (name: string, description: string) =>
    pins
      .command(name)
      .description(description)
      .option('--name <name>', 'the name that the server is wrapped by')
      .option('--pins <file>', 'the file, where wrap was given one')
      .option('--json', 'one JSON line for each tool')
  command('list', 'the approved tools, and the difference where one changed')
    .addHelpText(
      'after',
      example('mcpshield pins list --name files', 'Exit 1 when a change waits to be accepted.'),
    )
    .action(async (options: PinsOptions) => {
      const { listPins } = await import('./commands/pins.ts')
      await finish(listPins(world, options))
    })
  command('accept', 'accept changes, and show them')
    .argument(
      '[tool...]',
      'only of these; TOOL@HASH for the change that `pins list` has shown and no later one',
    )
    .addHelpText('after', example('mcpshield pins accept --name files read_text_file'))
    .action(async (tools: string[], options: PinsOptions) => {
      const { acceptPins } = await import('./commands/pins.ts')
      await finish(acceptPins(world, tools, options))
    })
}
