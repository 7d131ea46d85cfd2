// The commands about a project's policy at its server, with their options, help and examples.
import { InvalidArgumentError, Option, type Command } from 'commander'
import { apiOption, example, projectOption, wholeNumber, type Finish } from './command-help.ts'
import type { DiffOptions } from './commands/policy-diff.ts'
import type { HistoryOptions } from './commands/policy-history.ts'
import type { PullOptions } from './commands/policy-pull.ts'
import type { PushOptions } from './commands/policy-push.ts'
import type { SimulateOptions } from './commands/policy-simulate.ts'
import type { PolicyOptions } from './project-policies.ts'
import type { World } from './world.ts'

const POLICY_FILE = 'policy.yaml'

/** A version of a policy: versions have no bound that a person would meet. */
function versionNumber(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('It must be the number of a version.')
  return Number(text)
}

const versionOption = (description: string) =>
  new Option('--version <number>', description).argParser(versionNumber)

function serverCommand(policy: Command, name: string, description: string): Command {
  return policy
    .command(name)
    .description(description)
    .addOption(projectOption())
    .addOption(apiOption())
    .option('--json', 'the API’s answer as it is')
}

export function addServerPolicies(policy: Command, world: World, finish: Finish): void {
  addPull(policy, world, finish)
  addDiff(policy, world, finish)
  addPush(policy, world, finish)
  addHistory(policy, world, finish)
  addRollback(policy, world, finish)
  addSimulate(policy, world, finish)
}

function addPull(policy: Command, world: World, finish: Finish): void {
  serverCommand(policy, 'pull', 'write a project’s policy into a file')
    .argument('[file]', 'where to; - is standard output', POLICY_FILE)
    .addOption(versionOption('an older version; the one in force when absent'))
    .option('--force', 'even where changes in the file would be lost')
    .addHelpText(
      'after',
      example(
        'mcpshield policy pull policy.yaml --project shop',
        'Exit 1 when the file has changes of its own. Which version it is, is kept beside it for policy push.',
      ),
    )
    .action(async (file: string, options: PullOptions) => {
      const { policyPull } = await import('./commands/policy-pull.ts')
      await finish(policyPull(world, file, options))
    })
}

function addDiff(policy: Command, world: World, finish: Finish): void {
  serverCommand(policy, 'diff', 'what leads from the policy in force to a file')
    .argument('[file]', 'the policy; - is standard input', POLICY_FILE)
    .addOption(versionOption('from this version instead of the one in force'))
    .addHelpText('after', example('mcpshield policy diff policy.yaml', 'Exit 1 when they differ.'))
    .action(async (file: string, options: DiffOptions) => {
      const { policyDiff } = await import('./commands/policy-diff.ts')
      await finish(policyDiff(world, file, options))
    })
}

function addPush(policy: Command, world: World, finish: Finish): void {
  serverCommand(policy, 'push', 'save a file as the newest version of a project’s policy')
    .argument('[file]', 'the policy; - is standard input', POLICY_FILE)
    .addOption(
      new Option(
        '--base <version>',
        'the version it was made from, or latest; what policy pull kept when absent',
      ).argParser((text) => (text === 'latest' ? text : versionNumber(text))),
    )
    .option('--note <text>', 'why, for the history')
    .addHelpText(
      'after',
      example(
        'mcpshield policy push policy.yaml --note "Interns may not read salaries."',
        'Shows the difference. Exit 1 when the policy has an error, or when another version was saved meanwhile.',
      ),
    )
    .action(async (file: string, options: PushOptions) => {
      const { policyPush } = await import('./commands/policy-push.ts')
      await finish(policyPush(world, file, options))
    })
}

function addHistory(policy: Command, world: World, finish: Finish): void {
  serverCommand(policy, 'history', 'the versions of a project’s policy, newest first')
    .argument('[version]', 'what this one changed', versionNumber)
    .option('--limit <number>', 'how many', wholeNumber, 50)
    .addHelpText('after', example('mcpshield policy history --project shop'))
    .action(async (version: number | undefined, options: HistoryOptions) => {
      const { policyChange, policyHistory } = await import('./commands/policy-history.ts')
      await finish(
        version === undefined ? policyHistory(world, options) : policyChange(world, version, options),
      )
    })
}

function addRollback(policy: Command, world: World, finish: Finish): void {
  serverCommand(policy, 'rollback', 'save an old version as the newest')
    .argument('<version>', 'the one to go back to', versionNumber)
    .addHelpText(
      'after',
      example(
        'mcpshield policy rollback 12 --project shop',
        'Shows what it changes. Nothing is lost: it is one more version.',
      ),
    )
    .action(async (version: number, options: PolicyOptions) => {
      const { policyRollback } = await import('./commands/policy-history.ts')
      await finish(policyRollback(world, version, options))
    })
}

function addSimulate(policy: Command, world: World, finish: Finish): void {
  serverCommand(policy, 'simulate', 'decide a project’s recorded calls by a draft')
    .argument('<file>', 'the draft; - is standard input')
    .option('--days <number>', 'how many days back', wholeNumber, 7)
    .option('--email <address>', 'log in as, for this once, with the password in MCPSHIELD_PASSWORD')
    .addHelpText(
      'after',
      example(
        'MCPSHIELD_PASSWORD=… mcpshield policy simulate draft.yaml --project shop --email you@example.com',
        'Exit 1 when the draft has an error; calls that would change are no error.',
      ),
    )
    .action(async (file: string, options: SimulateOptions) => {
      const { policySimulate } = await import('./commands/policy-simulate.ts')
      await finish(policySimulate(world, file, options))
    })
}
