// What the command takes from its environment.

export type Environment = {
  /** NO_COLOR is set, or the terminal is too simple for colours. */
  noColor: boolean
  /** Where the REST API is, when no option says it. */
  apiUrl: string
  /** An access token of the API. */
  token: string | undefined
  /** Of the account that `--email` names. */
  password: string | undefined
  /** For programs that the command starts: everything but our own secrets. */
  forPrograms: NodeJS.ProcessEnv
}

const DEFAULT_API_URL = 'http://localhost:8000'

export function environment(variables: NodeJS.ProcessEnv): Environment {
  const { MCPSHIELD_TOKEN, MCPSHIELD_PASSWORD, MCPSHIELD_NODE_FOUND: _, ...forPrograms } = variables
  return {
    noColor: Boolean(variables['NO_COLOR']) || variables['TERM'] === 'dumb',
    apiUrl: variables['MCPSHIELD_API'] || DEFAULT_API_URL,
    token: MCPSHIELD_TOKEN || undefined,
    password: MCPSHIELD_PASSWORD || undefined,
    forPrograms,
  }
}
