// The place of a forwarder, opened with its secrets.
import type { FeedRow } from './entities.ts'
import type { Reach } from './reach.ts'
import type { Secrets } from './secrets.ts'
import { syslogTarget } from './syslog.ts'
import type { OpenForwarder } from './trials.ts'
import { webhookTarget } from './webhook.ts'

export function openForwarder(deps: { secrets: Secrets; reach: Reach; now(): Date }): OpenForwarder {
  return async ({ id, settings, sealed }: FeedRow, signal) => {
    switch (settings.kind) {
      case 'webhook':
        return webhookTarget(settings, deps.secrets.open(id, sealed ?? ''), deps)
      case 'syslog':
        return syslogTarget(settings, deps, signal)
      case 'credential':
        throw new Error('a credential is no forwarder')
    }
  }
}
