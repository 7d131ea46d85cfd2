// The text of an nkey's seed from its 32 bytes, as nkeys writes it: a prefix of two bytes, the seed, CRC-16, in base32.

/** First byte of the public key of each kind. */
export const PREFIX = { account: 0, user: 20 << 3 } as const

const SEED_PREFIX = 18 << 3
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

export function nkeySeed(prefix: number, raw: Buffer): string {
  if (raw.length !== 32) throw new RangeError('a seed has 32 bytes')
  const body = Buffer.concat([Buffer.from([SEED_PREFIX | (prefix >> 5), (prefix & 31) << 3]), raw])
  const sum = Buffer.alloc(2)
  sum.writeUInt16LE(crc16(body))
  return base32(Buffer.concat([body, sum]))
}

/** CRC-16/XMODEM. */
function crc16(bytes: Buffer): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++)
      crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff
  }
  return crc
}

/** RFC 4648, without padding. */
function base32(bytes: Buffer): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('')
  const groups = bits.match(/.{1,5}/g) ?? []
  return groups.map((group) => ALPHABET[parseInt(group.padEnd(5, '0'), 2)]).join('')
}
