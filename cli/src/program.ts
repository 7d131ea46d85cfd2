// The command line: every command with its options, help and an example. Commands are loaded when they are called,
// so that one does not wait for the parsers of another.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Argument, Command, CommanderError, Option } from 'commander'
import type { InspectOptions } from './commands/inspect.ts'
import type { PolicyCheckOptions } from './commands/policy-check.ts'
import type { PolicyEvalOptions } from './commands/policy-eval.ts'
import type { RedactOptions } from './commands/redact.ts'
import { addAccount, addApprovals } from './account-commands.ts'
import { example, list, type Finish } from './command-help.ts'
import { completionScript, SHELLS, type Shell } from './completion.ts'
import { addConnect, addDoctor, addUpDown } from './connect-commands.ts'
import { addPins, addWrap } from './wrap-commands.ts'
import { addServerPolicies } from './policy-commands.ts'
import { addKeys, addLogs, addProjects } from './project-commands.ts'
import { CommandError, DONE, OutputClosed, USAGE, write, written, type World } from './world.ts'

/** Runs one command line; answers with the exit code. */
export async function run(argv: readonly string[], world: World): Promise<number> {
  let exitCode = DONE
  const finish = async (code: Promise<number>) => {
    exitCode = await code
  }
  try {
    await commands(world, finish).parseAsync([...argv], { from: 'user' })
    await written(world.stdout)
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? DONE : USAGE
    if (error instanceof CommandError) {
      world.stderr.write(`mcpshield: ${error.message}\n`)
      return error.exitCode
    }
    if (error instanceof OutputClosed) return DONE
    world.stderr.write(`mcpshield: this is a fault of ours: ${(error as Error)?.stack ?? String(error)}\n`)
    return FAULT
  }
}

/** As sysexits.h has it for an internal software error: none of the answers a command can give. */
const FAULT = 70

/** All of them, with their help; `finish` is given the exit code of the one that is run. */
export function commands(world: World, finish: Finish): Command {
  const program = new Command('mcpshield')
    .description('Rules on what an agent’s calls really touch: check them, try them, enforce them.')
    .version(version(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    // A command may have a --version of its own.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => world.stdout.write(text),
      writeErr: (text) => world.stderr.write(text),
    })
    .addHelpText('after', example('mcpshield wrap --policy policy.yaml -- npx -y some-mcp-server'))
    .addHelpText('after', '\nExit codes: 0 done, 1 negative answer, 2 usage, 3 server or network.')
  const policy = program
    .command('policy')
    .description('check, try and simulate policies')
    .addHelpText('after', example('mcpshield policy check policy.yaml'))
  addPolicyCheck(policy, world, finish)
  addPolicyEval(policy, world, finish)
  addServerPolicies(policy, world, finish)
  addInspect(program, world, finish)
  addRedact(program, world, finish)
  addWrap(program, world, finish)
  addPins(program, world, finish)
  addAccount(program, world, finish)
  addProjects(program, world, finish)
  addKeys(program, world, finish)
  addLogs(program, world, finish)
  addApprovals(program, world, finish)
  addConnect(program, world, finish)
  addDoctor(program, world, finish)
  addUpDown(program, world, finish)
  addCompletion(program, world)
  return program
}

function version(): string {
  const manifest = readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}

/** So that a program may give it to every command. */
const alwaysJson = () => new Option('--json', 'as without it: one JSON object for each line')
const calls = () => new Argument('[file]', 'JSON Lines; standard input when absent')
const connections = () =>
  new Option('--connections <file>', 'JSON: {"connections": […], "upstreams": [{"slug", "server"}]}')

function addPolicyCheck(policy: Command, world: World, finish: Finish): void {
  policy
    .command('check')
    .description('say what is wrong with policies, and run the tests they carry')
    .argument('<file...>', 'policies; - is standard input')
    .option('--json', 'one JSON object for each file')
    .option('--organization', 'they are an organisation’s: deny and ask rules only')
    .addOption(connections())
    .addHelpText(
      'after',
      example('mcpshield policy check policy.yaml', 'Exit 1 on an error or a failed test.'),
    )
    .action(async (files: string[], options: PolicyCheckOptions) => {
      const { policyCheck } = await import('./commands/policy-check.ts')
      await finish(policyCheck(world, files, options))
    })
}

function addPolicyEval(policy: Command, world: World, finish: Finish): void {
  policy
    .command('eval')
    .description('decide calls, one JSON line for each')
    .addArgument(calls())
    .requiredOption('--policy <file>', 'the policy that decides')
    .option('--organization-policy <file>', 'an organisation’s policy, above it')
    .addOption(connections())
    .option('--facts', 'tell what each call touches')
    .option('--trace', 'tell what every rule made of each call')
    .addOption(alwaysJson())
    .addHelpText(
      'after',
      example(
        `echo '{"id":1,"tool":"postgres.query","arguments":{"sql":"select 1"}}' | mcpshield policy eval --policy policy.yaml`,
        'Context that a line does not give is unknown. Rate limits are not counted.',
      ),
    )
    .action(async (file: string | undefined, options: PolicyEvalOptions) => {
      const { policyEval } = await import('./commands/policy-eval.ts')
      await finish(policyEval(world, file, options))
    })
}

function addInspect(program: Command, world: World, finish: Finish): void {
  program
    .command('inspect')
    .description('tell what statements and commands do, without running them')
    .addArgument(calls())
    .addOption(
      new Option('--dialect <dialect>', 'whose language it is')
        .choices(['postgresql', 'mysql', 'sqlite', 'mongodb', 'redis'])
        .makeOptionMandatory(),
    )
    .option('--schema <file>', 'the CREATE statements of the database (postgresql, sqlite)')
    .option('--search-path <names>', 'where names are looked up: a,b (mysql: the one database)', list)
    .addOption(alwaysJson())
    .addHelpText(
      'after',
      example(
        `echo '{"id":1,"sql":"select id from users"}' | mcpshield inspect --dialect postgresql`,
        'mongodb and redis take {"id","command"}: a command document, or an argv or a list of them.',
      ),
    )
    .action(async (file: string | undefined, options: InspectOptions) => {
      const { inspect } = await import('./commands/inspect.ts')
      await finish(inspect(world, file, options))
    })
}

function addRedact(program: Command, world: World, finish: Finish): void {
  program
    .command('redact')
    .description('mask secrets and personal data in texts')
    .addArgument(calls())
    .option('--detectors <names>', 'only these: a,b', list)
    .addOption(alwaysJson())
    .addHelpText('after', example(`echo '{"id":1,"text":"mail ann@example.com"}' | mcpshield redact`))
    .action(async (file: string | undefined, options: RedactOptions) => {
      const { redact } = await import('./commands/redact.ts')
      await finish(redact(world, file, options))
    })
}

function addCompletion(program: Command, world: World): void {
  program
    .command('completion')
    .description('print a script by which a shell completes these commands')
    .addArgument(new Argument('<shell>', 'whose').choices(SHELLS))
    .addHelpText(
      'after',
      example('source <(mcpshield completion bash)', 'fish: mcpshield completion fish | source'),
    )
    .action(async (shell: Shell) => {
      await write(world.stdout, completionScript(program, shell))
    })
}
