import { readFileSync } from 'node:fs'

/** The lines of a file of the spec folder. */
export function spec<T>(name: string): T[] {
  const text = readFileSync(new URL(`../spec/${name}`, import.meta.url), 'utf8')
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T)
}

/** One line of a file of statements: what the statement is expected to be seen to do. */
export type StatementSpec = {
  sql: string
  schema?: boolean
  operations: string[]
  reads: string[]
  writes: string[]
  functions: string[]
  fields?: string[] | null
  read_only: boolean
}
