// Which part of the world an IP address belongs to. What is not known to be public, is not.
import { BlockList, isIP, isIPv4 } from 'node:net'

/**
 * `loopback`: this machine. `private`: networks of one's own. `closed`: everything else that is not public, link-local
 * and with it the metadata services of clouds.
 */
export type Neighbourhood = 'public' | 'loopback' | 'private' | 'closed'

/** Addresses of clouds' metadata and control services that no range gives away. */
const METADATA = ['100.100.100.200', '168.63.129.16', '192.0.0.192', 'fd00:ec2::254', 'fd20:ce::254']

const LOOPBACK = ['127.0.0.0/8', '::1/128']
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', 'fc00::/7']
/** Of the special-purpose registries of IANA: what is not reached from everywhere, or is another address in disguise. */
const SPECIAL = [
  ...['0.0.0.0/8', '169.254.0.0/16', '192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '198.18.0.0/15'],
  ...['198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  ...['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'],
]
/** All of IPv6 that is assigned to be reached from everywhere. */
const GLOBAL_UNICAST = ['2000::/3']

const metadata = blockList(METADATA.map((address) => `${address}/${isIPv4(address) ? 32 : 128}`))
const loopback = blockList(LOOPBACK)
const ofOneself = blockList(PRIVATE)
const special = blockList(SPECIAL)
const globalUnicast = blockList(GLOBAL_UNICAST)

export function neighbourhoodOf(text: string): Neighbourhood {
  const address = unwrapped(text)
  const kind = isIP(address)
  if (kind === 0) return 'closed'
  const family = kind === 4 ? 'ipv4' : 'ipv6'
  if (metadata.check(address, family)) return 'closed'
  if (loopback.check(address, family)) return 'loopback'
  if (ofOneself.check(address, family)) return 'private'
  if (special.check(address, family)) return 'closed'
  return kind === 4 || globalUnicast.check(address, family) ? 'public' : 'closed'
}

/** Whether the host of a URL is this machine by its very name; a name that only leads here is not. */
export function namesLoopback({ hostname }: URL): boolean {
  const host = hostname.replace(/^\[|\]$/g, '')
  return isIP(host) === 0 ? /(^|\.)localhost\.?$/.test(host) : neighbourhoodOf(host) === 'loopback'
}

/** The IPv4 address that an IPv6 address stands for: mapped (::ffff:0:0/96) or translated (NAT64, 64:ff9b::/96). */
export function unwrapped(address: string): string {
  if (isIP(address) !== 6 || address.includes('%')) return address
  // The URL parser writes every address one way: hexadecimal groups, zeros left out.
  const canonical = new URL(`http://[${address}]/`).hostname.slice(1, -1)
  const inside = /^(?:::ffff|64:ff9b:):(?:([0-9a-f]{1,4}):)?([0-9a-f]{0,4})$/.exec(canonical)
  if (inside === null) return address
  const [high, low] = [inside[1] ?? '0', inside[2] || '0'].map((group) => parseInt(group, 16))
  return [high! >> 8, high! & 0xff, low! >> 8, low! & 0xff].join('.')
}

function blockList(ranges: string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [network = '', prefix] = range.split('/')
    list.addSubnet(network, Number(prefix), isIPv4(network) ? 'ipv4' : 'ipv6')
  }
  return list
}
