// Projects, their keys and their record at a server: options, help and examples.
import { Option, type Command } from 'commander'
import {
  apiOption,
  example,
  gathered,
  list,
  moment,
  projectOption,
  wholeNumber,
  type Finish,
} from './command-help.ts'
import type { CreateKeyOptions, KeysOptions, ListKeysOptions } from './commands/keys.ts'
import type { LogsOptions } from './commands/logs.ts'
import type { CreateProjectOptions, ProjectsOptions } from './commands/projects.ts'
import type { World } from './world.ts'

export function addProjects(program: Command, world: World, finish: Finish): void {
  const projects = program
    .command('projects')
    .description('see, make and choose projects')
    .addHelpText('after', example('mcpshield projects list'))
  const command = (name: string, description: string) =>
    projects
      .command(name)
      .description(description)
      .addOption(apiOption())
      .option('--json', 'the API’s answer as it is')
  command('list', 'the projects of the organisation')
    .addHelpText('after', example('mcpshield projects list'))
    .action(async (options: ProjectsOptions) => {
      const { listProjects } = await import('./commands/projects.ts')
      await finish(listProjects(world, options))
    })
  command('create', 'make a project')
    .argument('<name>', 'what it is called')
    .addOption(new Option('--environment <environment>', 'where it runs').choices(['dev', 'staging', 'prod']))
    .option('--infrastructure <kinds>', 'what it has: postgresql,mysql,sqlite,mongodb,redis,files,http', list)
    .addHelpText(
      'after',
      example(
        'mcpshield projects create shop --environment prod --infrastructure postgresql,redis',
        'Exit 1 when the plan or your role does not allow it.',
      ),
    )
    .action(async (name: string, options: CreateProjectOptions) => {
      const { createProject } = await import('./commands/projects.ts')
      await finish(createProject(world, name, options))
    })
  command('use', 'choose the project that commands are about when --project does not say it')
    .argument('<project>', 'its id or its name')
    .addHelpText('after', example('mcpshield projects use shop'))
    .action(async (name: string, options: ProjectsOptions) => {
      const { chooseProject } = await import('./commands/projects.ts')
      await finish(chooseProject(world, name, options))
    })
}

export function addKeys(program: Command, world: World, finish: Finish): void {
  const keys = program
    .command('keys')
    .description('make, see and revoke the API keys of a project')
    .addHelpText('after', example('mcpshield keys list --project shop'))
  const command = (name: string, description: string) =>
    keys
      .command(name)
      .description(description)
      .addOption(projectOption())
      .addOption(apiOption())
      .option('--json', 'the API’s answer as it is')
  command('create', 'make a key; it is shown this once')
    .argument('<name>', 'what it is called')
    .option('--label <label>', 'a label that rules may ask for; give it again for more', gathered)
    .option('--upstreams <slugs>', 'the upstream servers it may reach: a,b; all when absent', list)
    .option('--expires-in-days <number>', 'how long it is good; for ever when absent', wholeNumber)
    .addHelpText(
      'after',
      example(
        'MCPSHIELD_API_KEY=$(mcpshield keys create ci --project shop --expires-in-days 90)',
        'Standard output is the key and nothing else. Exit 1 when your role does not allow it.',
      ),
    )
    .action(async (name: string, options: CreateKeyOptions) => {
      const { createKey } = await import('./commands/keys.ts')
      await finish(createKey(world, name, options))
    })
  command('list', 'the keys, newest first')
    .option('--all', 'those that were revoked, too')
    .addHelpText('after', example('mcpshield keys list --project shop'))
    .action(async (options: ListKeysOptions) => {
      const { listKeys } = await import('./commands/keys.ts')
      await finish(listKeys(world, options))
    })
  command('revoke', 'end a key, everywhere within a second')
    .argument('<key>', 'its id, or its name where only one is called so')
    .addHelpText('after', example('mcpshield keys revoke ci --project shop', 'Exit 1 when there is none.'))
    .action(async (which: string, options: KeysOptions) => {
      const { revokeKey } = await import('./commands/keys.ts')
      await finish(revokeKey(world, which, options))
    })
}

export function addLogs(program: Command, world: World, finish: Finish): void {
  program
    .command('logs')
    .description('the record of decisions, newest last')
    .option('-f, --follow', 'go on with those that are made from now on')
    .addOption(new Option('--decision <decision>', 'these only').choices(['allow', 'deny', 'ask']))
    .option('--tool <name>', 'of this tool; * stands for anything')
    .option('--rule <id>', 'by this rule; * stands for anything')
    .option('--agent <name>', 'of this agent')
    .option('--search <text>', 'with this text in tool, reason, rule, agent, arguments or facts')
    .option('--from <time>', 'since: 2026-01-31T12:00:00Z, or 15m, 6h, 2d ago', moment)
    .option('--to <time>', 'before', moment)
    .option('--limit <number>', 'how many, the newest', wholeNumber, 50)
    .addOption(projectOption())
    .option('--all-projects', 'of all projects, even where one was chosen')
    .addOption(apiOption())
    .option('--json', 'the API’s records as they are, one to a line')
    .addHelpText(
      'after',
      example(
        'mcpshield logs --follow --decision deny --tool "postgres.*"',
        'Without --project or a chosen one: of all projects. --follow reconnects, and fetches what it missed.',
      ),
    )
    .action(async (options: LogsOptions) => {
      const { logs } = await import('./commands/logs.ts')
      await finish(logs(world, options))
    })
}
