// The commands about this machine: its MCP clients, the product on it, and what is wrong with either.
import { Argument, InvalidArgumentError, Option, type Command } from 'commander'
import { CLIENTS } from './clients/clients.ts'
import { apiOption, example, projectOption, wholeNumber, type Finish } from './command-help.ts'
import type { ConnectOptions } from './commands/connect.ts'
import type { DoctorOptions } from './commands/doctor.ts'
import type { UpOptions } from './commands/up.ts'
import type { World } from './world.ts'

const mcpOption = () => new Option('--mcp <url>', 'where clients reach the gateway (or MCPSHIELD_MCP_URL)')

export function addConnect(program: Command, world: World, finish: Finish): void {
  program
    .command('connect')
    .description('lead the MCP clients of this machine through the gateway')
    .addArgument(
      new Argument('[client...]', 'those that are found when absent').choices(CLIENTS.map(({ id }) => id)),
    )
    .addOption(projectOption())
    .addOption(mcpOption())
    .addOption(apiOption())
    .option('-y, --yes', 'do not ask')
    .option('--dry-run', 'show what would be changed, and change nothing')
    .option('--undo', 'put the files back as they were, and revoke the keys that were made')
    .option('--json', 'one JSON object for each client')
    .addHelpText(
      'after',
      example(
        'mcpshield connect cursor claude-code --project shop',
        'The key is that of MCPSHIELD_API_KEY, or one is made for each client. Exit 1 when a file cannot be changed.',
      ),
    )
    .action(async (clients: string[], options: ConnectOptions) => {
      if (options.undo) {
        const { undoConnect } = await import('./commands/connect-undo.ts')
        return finish(undoConnect(world, clients, options))
      }
      const { connect } = await import('./commands/connect.ts')
      await finish(connect(world, clients, options))
    })
}

export function addDoctor(program: Command, world: World, finish: Finish): void {
  program
    .command('doctor')
    .description('say what is wrong here and how to mend it')
    .addOption(mcpOption())
    .addOption(new Option('--decisions <url>', 'where decisions are asked for; the API when absent'))
    .addOption(apiOption())
    .option('--json', 'one JSON object for each thing that was looked at')
    .addHelpText('after', example('mcpshield doctor', 'Exit 1 when something is wrong.'))
    .action(async (options: DoctorOptions) => {
      const { doctor } = await import('./commands/doctor.ts')
      await finish(doctor(world, options))
    })
}

function seconds(text: string): number {
  const value = wholeNumber(text)
  if (value > 3_600) throw new InvalidArgumentError('It must be 3600 at most.')
  return value
}

export function addUpDown(program: Command, world: World, finish: Finish): void {
  program
    .command('up')
    .description('start the product on this machine, in the background')
    .argument(
      '[folder]',
      'a clone of the repository; the one around this folder, or of this command, when absent',
    )
    .option('--wait <seconds>', 'how long to wait for it to be up', seconds, 600)
    .option('--json', 'where it can be reached, as JSON')
    .addHelpText(
      'after',
      example('mcpshield up', 'The first start fetches what it needs. Exit 1 when it does not come up.'),
    )
    .action(async (folder: string | undefined, options: UpOptions) => {
      const { up } = await import('./commands/up.ts')
      await finish(up(world, folder, options))
    })
  program
    .command('down')
    .description('stop the product that up started')
    .option('--json', 'as JSON')
    .addHelpText('after', example('mcpshield down', 'Exit 1 when it does not run.'))
    .action(async (options: { json?: boolean }) => {
      const { down } = await import('./commands/down.ts')
      await finish(down(world, options))
    })
}
