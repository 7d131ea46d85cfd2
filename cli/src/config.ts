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
  /** The project that commands are about, when no option says it: its id or its name. */
  project: string | undefined
  /** Where MCP clients reach the gateway, when no option says it. */
  mcpUrl: string | undefined
  /** Where programs of other makers keep their settings. */
  machine: Machine
  /** For programs that the command starts: everything but our own secrets. */
  forPrograms: NodeJS.ProcessEnv
  /** For the product itself, which has settings of that name. */
  forProduct: NodeJS.ProcessEnv
}

export type Machine = {
  platform: 'linux' | 'darwin' | 'win32'
  /** Undefined without a home. */
  home: string | undefined
  /** Of `MOVED_BY`, those that are set. */
  variables: Readonly<Record<string, string | undefined>>
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

const MOVED_BY = [
  'XDG_CONFIG_HOME',
  'APPDATA',
  'LOCALAPPDATA',
  'CLAUDE_CONFIG_DIR',
  'CODEX_HOME',
  'COPILOT_HOME',
  'GOOSE_PATH_ROOT',
  'CLINE_MCP_SETTINGS_PATH',
] as const

/** Systems that are none of the three keep their files as Linux does. */
function machine(variables: NodeJS.ProcessEnv): Machine {
  const { platform } = process
  return {
    platform: platform === 'win32' || platform === 'darwin' ? platform : 'linux',
    home: (platform === 'win32' ? variables['USERPROFILE'] : variables['HOME']) || undefined,
    // A path that is not absolute would mean another place in each folder.
    variables: Object.fromEntries(
      MOVED_BY.map((name) => [name, isAbsolute(variables[name] ?? '') ? variables[name] : undefined]),
    ),
  }
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
    project: variables['MCPSHIELD_PROJECT'] || undefined,
    mcpUrl: variables['MCPSHIELD_MCP_URL'] || undefined,
    machine: machine(variables),
    forPrograms: Object.fromEntries(theirs),
    forProduct: Object.fromEntries([...theirs, ['MCPSHIELD_DATA_DIR', variables['MCPSHIELD_DATA_DIR']]]),
  }
}
