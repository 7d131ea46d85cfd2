// What may be shown of an upstream: never a value of its headers and environment, and of its URL and
// arguments only what does not look like a secret.
import { redactText } from '@mcpshield/redact/redact-text'
import { DEFAULT_REDACTIONS } from '@mcpshield/redact/redactions'
import { secretKindOf } from '@mcpshield/redact/secret-names'

const MASK = '[redacted]'

/** The URL without its user, password, the values of its query, and parts of its path that look like tokens. */
export function shownUrl(text: string | null): string | null {
  if (text === null) return null
  const url = new URL(text)
  url.username = ''
  url.password = ''
  url.hash = ''
  for (const name of [...url.searchParams.keys()]) url.searchParams.set(name, '***')
  url.pathname = url.pathname
    .split('/')
    .map((segment) => (looksLikeToken(segment) ? '***' : segment))
    .join('/')
  return url.href.slice(0, 2_000)
}

function looksLikeToken(segment: string): boolean {
  return segment.length >= 20 && /\d/.test(segment) && /[A-Za-z]/.test(segment)
}

/** The arguments, with a mask for what a detector finds and for what follows a flag such as `--token`. */
export function shownArgs(args: readonly string[]): string[] {
  return args.map((arg, at) => {
    const flag = /^--?([A-Za-z][\w-]*)$/.exec(args[at - 1] ?? '')?.[1]
    if (flag !== undefined && secretKindOf(flag) !== undefined) return MASK
    const assigned = /^(--?([A-Za-z][\w-]*)=)./.exec(arg)
    if (assigned?.[2] !== undefined && secretKindOf(assigned[2]) !== undefined) return `${assigned[1]}${MASK}`
    return redactText(arg, DEFAULT_REDACTIONS, () => MASK).text
  })
}
