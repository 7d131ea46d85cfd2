// Where this installation sends events: within what its operator lets it connect to. A host is looked up at the moment of
// connecting, and only the addresses that were looked at are connected to.
import { isIP, type LookupFunction } from 'node:net'
import { lookUp, pinned, type Lookup } from '@mcpshield/oauth/egress'
import type { EgressBound } from '@mcpshield/oauth/egress-bound'
import { FeedError } from './feed-error.ts'

/** The addresses at which a host may be connected to; rejects when it may not. */
export type Reach = (host: string) => Promise<string[]>

export function reachWithin(bound: EgressBound | undefined, lookup: Lookup = lookUp): Reach {
  return async (given) => {
    const host = bare(given)
    const addresses = isIP(host) === 0 ? await lookup(host) : [host]
    const closed = bound?.(host, addresses)
    if (closed !== undefined) throw new FeedError(closed)
    return addresses
  }
}

/** For sockets, which ask for the addresses of a name when they connect. They do not ask for those of an address. */
export function lookupOf(reach: Reach): LookupFunction {
  return (host, options, answer) => {
    reach(host).then(
      (addresses) => pinned(addresses)(host, options, answer),
      (error: Error) => answer(error, '', 0),
    )
  }
}

/** A host as it is resolved: an IPv6 address without its brackets. */
export const bare = (host: string) => host.replace(/^\[|\]$/g, '')
