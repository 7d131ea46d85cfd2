// The one process of a modern server, which all speakers share: the era knows no sessions.
import type { Log } from '@mcpshield/runtime/log'
import { isLegacyAlone } from './incoming.ts'
import { openModernChannel, type ModernChannel, type Sender } from './modern-channel.ts'
import type { OwnedPeer } from './peers.ts'
import { modernMeta } from './request-params.ts'
import type { Running } from './stdio-process.ts'
import type { Processes, Tenant } from './stdio-processes.ts'
import type { ServerIdentity, Speaker } from './upstream.ts'

export type SharedProcess = {
  tenant: Tenant
  /** Takes a process that is known to be of a modern server. */
  take(running: Running): void
  peer(speaker: Speaker, server: ServerIdentity): OwnedPeer
}

export function openSharedProcess(processes: Processes, log: Log): SharedProcess {
  let channel: ModernChannel | undefined
  const tenant: Tenant = {
    owner: 'shared',
    subject: null,
    isHeld: () => false,
    onEnd: () => (channel = undefined),
  }
  const take = (running: Running): ModernChannel => (channel = openModernChannel(running.channel, log))
  const live = (): ModernChannel => {
    if (channel !== undefined) return channel
    const running = processes.start(tenant)
    processes.isReady(running)
    return take(running)
  }
  return {
    tenant,
    take,
    peer(speaker, server) {
      const sender: Sender = {
        speakerId: speaker.id,
        meta: modernMeta(speaker.clientInfo, speaker.capabilities),
      }
      const gone = new AbortController()
      let underWay = 0
      return {
        era: 'modern',
        server,
        async request(method, params, options) {
          underWay++
          try {
            return await live().request(sender, method, params, options)
          } finally {
            underWay--
          }
        },
        async notify(method, params = {}) {
          if (!isLegacyAlone(method)) await live().notify(sender, method, params)
        },
        follow: () => undefined, // Nothing is told outside of requests.
        async listen(filter, { signal, onNotification }) {
          const options = { signal: AbortSignal.any([signal, gone.signal]), onNotification }
          const listening = await live().listen(sender, filter, options)
          underWay++
          void listening.ended.then(() => underWay--)
          return listening
        },
        isBusy: () => underWay > 0,
        async close() {
          gone.abort()
        },
      }
    },
  }
}
