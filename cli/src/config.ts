// What the command takes from its environment.
import { isAbsolute, join } from 'node:path'

export type Environment = {
  /** NO_COLOR is set, or the terminal is too simple for colours. */
  noColor: boolean
  /** Where the REST API is, when no option says it. */
  apiUrl: string | undefined
  /** Where programs of this user keep their settings; undefined without a home. */
  configFolder: string | undefined
  /** Where they keep what they learn by themselves; undefined without a home. */
  stateFolder: string | undefined
  /** An access token of the API. */
  token: string | undefined
  /** A key of one project, for programs. */
  apiKey: string | undefined
  /** Of the account that `--email` names. */
  password: string | undefined
  /** For programs that the command starts: everything but our own secrets. */
  forPrograms: NodeJS.ProcessEnv
}

function configFolder({ XDG_CONFIG_HOME, APPDATA, HOME }: NodeJS.ProcessEnv): string | undefined {
  // By the specification a path that is not absolute is to be passed over.
  if (XDG_CONFIG_HOME !== undefined && isAbsolute(XDG_CONFIG_HOME)) return XDG_CONFIG_HOME
  if (process.platform === 'win32') return APPDATA || undefined
  return HOME ? join(HOME, '.config') : undefined
}

function stateFolder({ XDG_STATE_HOME, LOCALAPPDATA, HOME }: NodeJS.ProcessEnv): string | undefined {
  if (XDG_STATE_HOME !== undefined && isAbsolute(XDG_STATE_HOME)) return XDG_STATE_HOME
  if (process.platform === 'win32') return LOCALAPPDATA || undefined
  return HOME ? join(HOME, '.local', 'state') : undefined
}

export function environment(variables: NodeJS.ProcessEnv): Environment {
  const { MCPSHIELD_TOKEN, MCPSHIELD_PASSWORD, MCPSHIELD_API_KEY } = variables
  const theirs = Object.entries(variables).filter(([name]) => !name.startsWith('MCPSHIELD_'))
  return {
    noColor: Boolean(variables['NO_COLOR']) || variables['TERM'] === 'dumb',
    apiUrl: variables['MCPSHIELD_API'] || variables['MCPSHIELD_API_URL'] || undefined,
    configFolder: configFolder(variables),
    stateFolder: stateFolder(variables),
    token: MCPSHIELD_TOKEN || undefined,
    apiKey: MCPSHIELD_API_KEY || undefined,
    password: MCPSHIELD_PASSWORD || undefined,
    forPrograms: Object.fromEntries(theirs),
  }
}
