// What the form of an upstream MCP server says, as the API takes it. Pure.
import type { Input, Output } from '@mcpshield/contracts/define'
import type { projects } from '@mcpshield/contracts/projects'

export type Upstream = Output<typeof projects.rpc.getUpstream>
export type Transport = Upstream['transport']
type Settings = Omit<Input<typeof projects.rpc.createUpstream>, 'project_id' | 'slug'>
type OAuth = NonNullable<Settings['oauth']>

export const TRANSPORTS = [
  { value: 'http', label: 'Remote: Streamable HTTP' },
  { value: 'sse', label: 'Remote: SSE' },
  { value: 'stdio', label: 'Local command' },
] as const satisfies { value: Transport; label: string }[]

export const GRANTS = [
  { value: 'none', label: 'No OAuth' },
  { value: 'authorization_code', label: 'OAuth: a person authorises once' },
  { value: 'client_credentials', label: 'OAuth: client credentials' },
] as const

export function transportOf(text: string | null | undefined, otherwise: Transport = 'http'): Transport {
  return TRANSPORTS.find(({ value }) => value === text)?.value ?? otherwise
}

/** What hides a secret in what the API shows: it cannot be sent back. */
export function hasHidden(text: string): boolean {
  return text.includes('[redacted]') || text.includes('***')
}

const textOf = (form: FormData, name: string) => {
  const value = form.get(name)
  return typeof value === 'string' ? value.trim() : ''
}

/** Names with their values, from rows of two fields; rows without a name are none. */
export function pairsIn(form: FormData, field: 'header' | 'env'): Record<string, string> {
  const values = form.getAll(`${field}_value`)
  const pairs = form
    .getAll(`${field}_name`)
    .map((name, at) => [String(name).trim(), String(values[at] ?? '')] as const)
    .filter(([name]) => name !== '')
  return Object.fromEntries(pairs)
}

/** One argument on each line, as it is but for its end. */
export function argsIn(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line !== '')
}

/** For a new upstream. */
export function settingsIn(form: FormData): Settings {
  const transport = transportOf(textOf(form, 'transport'))
  if (transport === 'stdio')
    return {
      transport,
      command: textOf(form, 'command'),
      args: argsIn(String(form.get('args') ?? '')),
      env: pairsIn(form, 'env'),
    }
  const oauth = oauthIn(form)
  return {
    transport,
    url: textOf(form, 'url'),
    headers: pairsIn(form, 'header'),
    ...(oauth === null ? {} : { oauth }),
  }
}

/**
 * For one that is there: only what is otherwise than it was. Values that are never shown stay unless they are given anew.
 */
export function changesIn(form: FormData, before: Upstream): Partial<Settings> {
  const next = settingsIn(form)
  const moved = (next.transport === 'stdio') !== (before.transport === 'stdio')
  if (moved) return next
  const given = (field: 'headers' | 'env', namesBefore: string[]) =>
    form.get(`replace_${field}`) === 'on' ||
    (namesBefore.length === 0 && Object.keys(next[field] ?? {}).length > 0)
  const keepsArgs = argsIn(before.args.join('\n')).join('\n') === (next.args ?? []).join('\n')
  const oauth = changedOAuth(form, before)
  return {
    ...(next.transport === before.transport ? {} : { transport: next.transport }),
    ...(next.url === undefined || next.url === (before.url ?? '') ? {} : { url: next.url }),
    ...(next.headers !== undefined && given('headers', before.header_names) ? { headers: next.headers } : {}),
    ...(next.command === undefined || next.command === before.command ? {} : { command: next.command }),
    ...(next.args === undefined || keepsArgs ? {} : { args: next.args }),
    ...(next.env !== undefined && given('env', before.env_names) ? { env: next.env } : {}),
    ...(next.transport === 'stdio' || oauth === undefined ? {} : { oauth }),
  }
}

/** Fields that were changed but still hold what hides a secret. */
export function hiddenIn({ url, args }: Partial<Settings>): Record<string, string> {
  const message = 'still holds a hidden part; give the whole of it anew'
  return {
    ...(url !== undefined && hasHidden(url) ? { url: message } : {}),
    ...(args?.some(hasHidden) === true ? { args: message } : {}),
  }
}

function oauthIn(form: FormData): OAuth | null {
  const grant = textOf(form, 'grant')
  if (grant !== 'authorization_code' && grant !== 'client_credentials') return null
  const [id, secret, scope] = [
    textOf(form, 'client_id'),
    textOf(form, 'client_secret'),
    textOf(form, 'scope'),
  ]
  return {
    grant,
    ...(id === '' ? {} : { client_id: id }),
    ...(secret === '' ? {} : { client_secret: secret }),
    ...(scope === '' ? {} : { scope }),
  }
}

/** Undefined where it stays. */
function changedOAuth(form: FormData, { oauth: before }: Upstream): OAuth | null | undefined {
  const next = oauthIn(form)
  if (next === null) return before === null ? undefined : null
  const isSame =
    before !== null &&
    next.grant === before.grant &&
    (next.client_id ?? null) === before.client_id &&
    (next.scope ?? null) === before.scope &&
    next.client_secret === undefined
  return isSame ? undefined : next
}
