// MongoDB's driver connects to whatever members a server names. Names are looked at before they are connected to. An
// address is connected to, and greeted, before anybody can look: then nothing more is asked of such a set.
import { isIP, type LookupFunction } from 'node:net'
import type { MongoClient } from 'mongodb'
import { pinned } from '@mcpshield/oauth/egress'
import type { Reach } from '@mcpshield/upstream/reach'
import { notByPath } from '../reach.ts'

export type BoundMembers = {
  lookup: LookupFunction
  watch(client: MongoClient): void
  /** Throws an AppError when a member that is known is not to be connected to. */
  check(): Promise<void>
}

export function boundMembers(reach: Reach): BoundMembers {
  const members = new Set<string>()
  let refused: Error | undefined
  return {
    lookup(host, options, answer) {
      reach(host).then(
        (addresses) => pinned(addresses)(host, options, answer),
        (error: Error) => {
          refused = error
          answer(error, '')
        },
      )
    },
    watch(client) {
      for (const { host, socketPath } of client.options.hosts) members.add(host ?? socketPath ?? '')
      client.on('serverOpening', ({ address }) => members.add(hostOf(address)))
    },
    async check() {
      if (refused !== undefined) throw refused
      for (const member of members) {
        if (member.includes('/')) throw notByPath()
        if (isIP(member) !== 0) await reach(member)
      }
    },
  }
}

/** Of `host:port`, where an IPv6 address stands in brackets. */
function hostOf(address: string): string {
  return address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')
}
