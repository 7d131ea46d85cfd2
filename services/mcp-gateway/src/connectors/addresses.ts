// Which IP addresses belong to the public internet. What is not known to, does not.
import ipaddr from 'ipaddr.js'

type Address = ReturnType<typeof ipaddr.process>

/** Addresses of clouds' metadata and control services that no range gives away. */
const METADATA = new Set(['100.100.100.200', '168.63.129.16', '192.0.0.192', 'fd00:ec2::254', 'fd20:ce::254'])
/** Networks of one's own: a company's, a machine's. Not link-local, which is where metadata services are. */
const PRIVATE_RANGES = new Set(['private', 'loopback', 'uniqueLocal', 'carrierGradeNat'])
/** All of IPv6 that is assigned to be reached from everywhere. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3')

/** An address as one text: IPv4 in IPv6 unwrapped, zeros of IPv6 left out. Undefined for what is no address. */
export function canonicalAddress(text: string): string | undefined {
  return parse(text)?.toString()
}

/** Reached from everywhere, and nobody's own network nor a cloud's metadata service. */
export function isPublicAddress(text: string): boolean {
  const address = parse(text)
  return address !== undefined && isPublic(address)
}

/** In a private network, where a project may want to reach its own services. */
export function isPrivateAddress(text: string): boolean {
  const address = parse(text)
  return address !== undefined && PRIVATE_RANGES.has(address.range()) && !METADATA.has(address.toString())
}

function parse(text: string): Address | undefined {
  // Its parser reads 127.1 and 0x7f.1 too; such a text is no address that a resolver gives.
  const strict = text.includes(':') || ipaddr.IPv4.isValidFourPartDecimal(text)
  return strict && ipaddr.isValid(text) ? ipaddr.process(text) : undefined
}

function isPublic(address: Address): boolean {
  if (METADATA.has(address.toString())) return false
  if (address.kind() === 'ipv4') return address.range() === 'unicast'
  const inside = embedded(address as ipaddr.IPv6)
  if (inside !== undefined) return isPublic(inside)
  return address.range() === 'unicast' && address.match(GLOBAL_UNICAST)
}

/** The IPv4 address that a translating network would send to: NAT64, 6to4. */
function embedded(address: ipaddr.IPv6): ipaddr.IPv4 | undefined {
  const bytes = address.toByteArray()
  // 64:ff9b::/96 alone is the well-known prefix; 64:ff9b:1::/48 is for networks of one's own.
  const wellKnown = ipaddr.IPv6.parseCIDR('64:ff9b::/96')
  if (address.match(wellKnown)) return new ipaddr.IPv4(bytes.slice(12))
  if (address.range() === '6to4') return new ipaddr.IPv4(bytes.slice(2, 6))
  return undefined
}
