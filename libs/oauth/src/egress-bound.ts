// What the operator of an installation lets it connect to, whatever its projects name. Where many share one, nobody's
// project may reach the operator's own network.
import { BlockList, isIP, isIPv4 } from 'node:net'
import { neighbourhoodOf, unwrapped } from './neighbourhoods.ts'

/** Why a host may not be connected to at these addresses; undefined when it may. */
export type EgressBound = (host: string, addresses: readonly string[]) => string | undefined

/** What a value of UPSTREAM_EGRESS may be. */
export const EGRESS_FORM =
  'any, or a comma separated list of public, host names (*.example.com), addresses and CIDRs'

type Bound = { isPublic: boolean; hosts: RegExp[]; ranges: BlockList }

const HOST = /^(\*\.)?([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}$/

/** Undefined when nothing is bounded. Throws what is wrong with the text, which is the value of the variable named. */
export function egressBound(text: string, variable = 'UPSTREAM_EGRESS'): EgressBound | undefined {
  const items = text.split(',').map((each) => each.trim().toLowerCase())
  if (items.length === 1 && items[0] === 'any') return undefined
  const bound: Bound = { isPublic: false, hosts: [], ranges: new BlockList() }
  for (const item of items) take(bound, item)
  return (host, addresses) => {
    const isClosed = addresses.length === 0 || !addresses.every((each) => isOpen(bound, nameOf(host), each))
    return isClosed ? `This installation does not connect to the host ${host} (${variable}).` : undefined
  }
}

/** Whether a text is a value of UPSTREAM_EGRESS. */
export function isEgress(text: string): boolean {
  try {
    egressBound(text)
    return true
  } catch {
    return false
  }
}

function take(bound: Bound, item: string): void {
  const [network = '', prefix, more] = item.split('/')
  const family = isIP(network)
  if (item === 'public') bound.isPublic = true
  else if (family !== 0 && more === undefined) {
    const longest = family === 4 ? 32 : 128
    const bits = prefix === undefined ? longest : /^\d{1,3}$/.test(prefix) ? Number(prefix) : NaN
    if (!(bits >= 0 && bits <= longest)) throw new Error(`"${item}" is no CIDR`)
    bound.ranges.addSubnet(network, bits, family === 4 ? 'ipv4' : 'ipv6')
  } else if (item !== 'any' && HOST.test(item) && !/^[\d.]+$/.test(item)) bound.hosts.push(patternOf(item))
  else throw new Error(`"${item}" is not allowed in it`)
}

/** `*.example.com` is every name below it, and not itself. */
function patternOf(glob: string): RegExp {
  const literal = (text: string) => text.replace(/[.]/g, '\\.')
  return glob.startsWith('*.')
    ? new RegExp(`^.+${literal(glob.slice(1))}$`)
    : new RegExp(`^${literal(glob)}$`)
}

/**
 * Whoever the operator names may be anywhere but at link-local and metadata addresses: what a name leads to is not the
 * operator's to say. Those are open as the addresses they are.
 */
function isOpen({ isPublic, hosts, ranges }: Bound, host: string, given: string): boolean {
  const address = unwrapped(given)
  if (isIP(address) === 0) return false
  if (ranges.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')) return true
  const neighbourhood = neighbourhoodOf(address)
  if (neighbourhood === 'public' && isPublic) return true
  return neighbourhood !== 'closed' && isIP(host) === 0 && hosts.some((each) => each.test(host))
}

const nameOf = (host: string) => host.toLowerCase().replace(/\.$/, '')
