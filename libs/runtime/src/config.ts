// The environment, read once: all problems at once, no values printed.
import { readFileSync } from 'node:fs'
import type { z } from 'zod'

/** A start that cannot go on, with what a person should do about it. */
export class StartError extends Error {
  override readonly name = 'StartError'
}

/**
 * Reads a service's variables by its schema, whose keys are the variables' names. `NAME_FILE` stands for
 * a file that holds the value of `NAME`. Throws a StartError naming every problem.
 */
export function readConfig<S extends z.ZodObject>(
  schema: S,
  env: Record<string, string | undefined>,
): z.output<S> {
  const values: Record<string, string> = {}
  const problems: string[] = []
  for (const name of Object.keys(schema.shape)) {
    const file = env[`${name}_FILE`]
    if (file !== undefined && file !== '') {
      try {
        values[name] = readFileSync(file, 'utf8').trim()
      } catch (error) {
        problems.push(`${name}_FILE: ${(error as Error).message}`)
      }
    } else if (env[name] !== undefined && env[name] !== '') values[name] = env[name]
  }
  const parsed = schema.safeParse(values)
  if (parsed.success && problems.length === 0) return parsed.data
  for (const issue of parsed.error?.issues ?? []) problems.push(`${issue.path.join('.')}: ${issue.message}`)
  throw new StartError(`The environment is not complete:\n${problems.map((each) => `  ${each}`).join('\n')}`)
}
