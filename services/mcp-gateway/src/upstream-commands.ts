// Which programs the operator lets projects start as upstreams.
import { isAbsolute } from 'node:path'

/** Why an upstream is not started; undefined when it may be. */
export type CommandBound = (spec: { command: string; env: Record<string, string> }) => string | undefined

/** What a value of UPSTREAM_COMMANDS may be. */
export const COMMANDS_FORM = 'any, none, or a comma separated list of command names and absolute paths'

/** By these a project would make another program of the one that was named. */
const LOADERS =
  /^(PATH|LD_.*|DYLD_.*|NODE_OPTIONS|PYTHONPATH|PYTHONSTARTUP|PYTHONHOME|BASH_ENV|ENV|PERL5OPT|PERL5LIB|RUBYOPT|JAVA_TOOL_OPTIONS)$/i

/** Undefined when nothing is bounded. Throws what is wrong with the text. */
export function commandBound(text: string): CommandBound | undefined {
  const items = text.split(',').map((each) => each.trim())
  const [only = ''] = items
  if (items.length === 1 && only === 'any') return undefined
  const named = new Set(items.length === 1 && only === 'none' ? [] : items)
  for (const item of named)
    if (item === '' || item === 'any' || item === 'none' || (item.includes('/') && !isAbsolute(item)))
      throw new Error(`"${item}" is not allowed in it`)
  return ({ command, env }) => {
    if (!named.has(command)) return 'This installation does not start this command (UPSTREAM_COMMANDS).'
    const loader = Object.keys(env).find((name) => LOADERS.test(name))
    return loader === undefined
      ? undefined
      : `This installation starts no command with ${loader} in its environment (UPSTREAM_COMMANDS).`
  }
}

/** Whether a text is a value of UPSTREAM_COMMANDS. */
export function isCommands(text: string): boolean {
  try {
    commandBound(text)
    return true
  } catch {
    return false
  }
}
