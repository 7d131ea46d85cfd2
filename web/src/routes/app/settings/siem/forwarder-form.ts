// What the form of a forwarder says, as the API takes it. Pure.
import type { Input } from '@mcpshield/contracts/define'
import type { siem, SiemDestination } from '@mcpshield/contracts/siem'

export type Kind = SiemDestination['kind']
type Destination = Input<typeof siem.rpc.createSiemForwarder>['destination']

export const KINDS = [
  { value: 'webhook', label: 'Webhook' },
  { value: 'syslog', label: 'Syslog' },
] as const satisfies { value: Kind; label: string }[]

export function kindOf(text: string | null | undefined): Kind {
  return KINDS.find(({ value }) => value === text)?.value ?? 'webhook'
}

/** In a line, as the list has it. */
export function whereTo(destination: SiemDestination): string {
  return destination.kind === 'webhook'
    ? destination.url
    : `syslog over TLS, ${destination.host}:${destination.port}`
}

/** `Name: value` on each line; lines without a name are none. */
export function headersIn(text: string): Record<string, string> {
  const lines = text.split(/\r?\n/).flatMap((line) => {
    const at = line.indexOf(':')
    return at < 1 ? [] : [[line.slice(0, at).trim(), line.slice(at + 1).trim()] as const]
  })
  return Object.fromEntries(lines)
}

/** Headers that are there already stay unless they are given anew. */
export function destinationIn(kind: Kind, texts: Record<string, string>): Destination {
  const ca_certificate = texts['ca_certificate'] ? texts['ca_certificate'] : null
  if (kind === 'syslog')
    return {
      kind,
      host: texts['host'] ?? '',
      port: Number(texts['port'] || 6_514),
      max_message_bytes: Number(texts['max_message_bytes'] || 8_192),
      ca_certificate,
    }
  const keepsHeaders = texts['has_headers'] === 'yes' && texts['replace_headers'] !== 'on'
  return {
    kind,
    url: texts['url'] ?? '',
    body: texts['body'] === 'lines' ? 'lines' : 'array',
    ca_certificate,
    ...(keepsHeaders ? {} : { headers: headersIn(texts['headers'] ?? '') }),
  }
}

/** What goes back into the form: never what is sealed. */
export function shownTexts({ headers: _sealed, ...texts }: Record<string, string>): Record<string, string> {
  return texts
}
