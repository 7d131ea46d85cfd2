// What a feed is set up with: what may be shown, and what is sealed.
import type { SiemDestinationInput } from '@mcpshield/contracts/siem'

export type AccountState = 'open' | 'resting' | 'revoked' | 'closed'

export type WebhookSettings = {
  kind: 'webhook'
  url: string
  body: 'array' | 'lines'
  header_names: string[]
  ca_certificate: string | null
}
export type SyslogSettings = {
  kind: 'syslog'
  host: string
  port: number
  max_message_bytes: number
  ca_certificate: string | null
}
export type Settings = WebhookSettings | SyslogSettings | { kind: 'credential' }

/** Of a webhook. */
export type SealedSecrets = { signing_secret: string; headers: Record<string, string> }

/** What of a destination may be read in the database. */
export function settingsOf(destination: SiemDestinationInput): WebhookSettings | SyslogSettings {
  const ca_certificate = destination.ca_certificate ?? null
  if (destination.kind === 'syslog') {
    const { kind, host, port, max_message_bytes } = destination
    return { kind, host, port, max_message_bytes, ca_certificate }
  }
  const { kind, url, body, headers = {} } = destination
  return { kind, url, body, header_names: Object.keys(headers).sort(), ca_certificate }
}
