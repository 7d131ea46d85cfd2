// Who the commands speak for, and the calls that wait for a person: options, help and examples.
import { Option, type Command } from 'commander'
import { apiOption, example, projectOption, wholeNumber, type Finish } from './command-help.ts'
import type { ApprovalsOptions, ListOptions, WordOptions } from './commands/approvals.ts'
import type { LoginOptions } from './commands/login.ts'
import type { Account } from './rest-api.ts'
import type { World } from './world.ts'

export function addAccount(program: Command, world: World, finish: Finish): void {
  program
    .command('login')
    .description('log in at a server, for the commands that follow')
    .addOption(apiOption())
    .requiredOption('--email <address>', 'the account')
    .option('--password-stdin', 'the password is standard input; else it is asked for')
    .option('--otp <code>', 'the code of an authenticator app; else it is asked for where it is needed')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      example('mcpshield login --api https://api.example.com --email you@example.com', LOGIN_NOTE),
    )
    .action(async (options: LoginOptions) => {
      const { login } = await import('./commands/login.ts')
      await finish(login(world, options))
    })
  program
    .command('logout')
    .description('end the login, at the server and here')
    .option('--json', 'as JSON')
    .addHelpText('after', example('mcpshield logout', 'Exit 1 when nobody is logged in.'))
    .action(async (options: { json?: boolean }) => {
      const { logout } = await import('./commands/logout.ts')
      await finish(logout(world, options))
    })
  program
    .command('whoami')
    .description('tell who is logged in, and what they are in their organisation')
    .addOption(apiOption())
    .option('--json', 'the API’s answers as they are')
    .addHelpText('after', example('mcpshield whoami', 'Exit 1 when nobody is logged in.'))
    .action(async (options: Account & { json?: boolean }) => {
      const { whoami } = await import('./commands/whoami.ts')
      await finish(whoami(world, options))
    })
}

const LOGIN_NOTE =
  'The tokens are kept in ~/.config/mcpshield/login.json, which only you may read. Exit 1 when the server does not let you in.'

export function addApprovals(program: Command, world: World, finish: Finish): void {
  const approvals = program
    .command('approvals')
    .description('see and decide the calls that wait for a person')
    .addHelpText('after', example('mcpshield approvals list --project shop'))
  const command = (name: string, description: string) =>
    approvals
      .command(name)
      .description(description)
      .addOption(projectOption())
      .addOption(apiOption())
      .option('--json', 'the API’s answer as it is')
  command('list', 'the calls that wait, newest first')
    .addOption(
      new Option('--state <state>', 'those in another state')
        .choices(['pending', 'approved', 'refused', 'expired', 'used', 'all'])
        .default('pending'),
    )
    .option('--limit <number>', 'how many, up to 200', wholeNumber, 50)
    .addHelpText('after', example('mcpshield approvals list --project shop'))
    .action(async (options: ListOptions) => {
      const { listApprovals } = await import('./commands/approvals.ts')
      await finish(listApprovals(world, options))
    })
  command('show', 'one call, with its arguments exactly as they will run')
    .argument('<id>', 'the approval')
    .addHelpText('after', example('mcpshield approvals show 0194… --project shop'))
    .action(async (id: string, options: ApprovalsOptions) => {
      const { showApproval } = await import('./commands/approvals.ts')
      await finish(showApproval(world, id, options))
    })
  for (const [word, description] of WORDS)
    command(word, description)
      .argument('<id>', 'the approval')
      .option('--note <text>', 'why; whoever asked is told')
      .addHelpText('after', example(`mcpshield approvals ${word} 0194… --project shop --note "…"`, WORD_NOTE))
      .action(async (id: string, options: WordOptions) => {
        const { decideApproval } = await import('./commands/approvals.ts')
        await finish(decideApproval(world, word, id, options))
      })
}

const WORDS = [
  ['approve', 'let a call run, once'],
  ['refuse', 'refuse a call'],
] as const
const WORD_NOTE =
  'Exit 1 when it is decided or over already, or is not yours to decide: who asked never decides.'
