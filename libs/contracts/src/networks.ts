// The network an address belongs to, for limits: whoever has one IPv6 address usually has a whole /64.

const MAPPED_IPV4 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i

/** The address itself (IPv4, or what is no address), or the first 64 bits of it (IPv6). */
export function networkOf(address: string): string {
  const bare = address.replace(/%.*$/, '')
  if (!bare.includes(':')) return address
  const mapped = MAPPED_IPV4.exec(bare)?.[1]
  if (mapped !== undefined) return mapped
  const [head = '', tail] = bare.split('::')
  const before = groupsOf(head)
  const after = groupsOf(tail ?? '')
  const missing = tail === undefined ? 0 : Math.max(8 - before.length - after.length, 0)
  const all = [...before, ...Array<string>(missing).fill('0'), ...after]
  const first = all.slice(0, 4).map((group) => parseInt(group, 16).toString(16))
  return `${first.join(':')}::/64`
}

/** The groups of 16 bits in a part of an IPv6 address; a dotted end stands for two. */
function groupsOf(text: string): string[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => (group.includes('.') ? ['0', '0'] : [group]))
}
