// A certificate authority of the test's own, in 90 lines of DER: what makes TLS servers that are trusted, or not.
import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'

export type Authority = {
  /** Certificate in PEM. */
  certificate: string
  /** A server's certificate and key, in PEM. */
  issue(server: { dnsNames?: string[]; addresses?: string[]; expired?: boolean }): {
    cert: string
    key: string
  }
}

export function certificateAuthority(name = 'MCPShield test CA'): Authority {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const of = { subject: name, issuer: name, publicKey, signer: privateKey }
  return {
    certificate: certificate({ ...of, extensions: [basicConstraints(true)] }),
    issue({ dnsNames = [], addresses = [], expired = false }) {
      const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const cert = certificate({
        subject: 'server',
        issuer: name,
        publicKey: keys.publicKey,
        signer: privateKey,
        extensions: [basicConstraints(false), alternativeNames(dnsNames, addresses)],
        expired,
      })
      return { cert, key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
    },
  }
}

type Spec = {
  subject: string
  issuer: string
  publicKey: KeyObject
  signer: KeyObject
  extensions: Buffer[]
  expired?: boolean
}

const DAY_MS = 86_400_000

/** RFC 5280, 4.1. */
function certificate({ subject, issuer, publicKey, signer, extensions, expired = false }: Spec): string {
  const algorithm = sequence(oid([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])) // ecdsa-with-SHA256
  const until = Date.now() + (expired ? -DAY_MS : DAY_MS)
  const body = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    nameOf(issuer),
    sequence(time(Date.now() - 2 * DAY_MS), time(until)),
    nameOf(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions)),
  )
  const signature = sign('sha256', body, signer)
  const der = sequence(body, algorithm, tagged(0x03, Buffer.from([0]), signature))
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}

function basicConstraints(isAuthority: boolean): Buffer {
  const value = isAuthority ? sequence(tagged(0x01, Buffer.from([0xff]))) : sequence()
  return sequence(oid([0x55, 0x1d, 0x13]), tagged(0x01, Buffer.from([0xff])), tagged(0x04, value))
}

function alternativeNames(dnsNames: string[], addresses: string[]): Buffer {
  const names = [
    ...dnsNames.map((each) => tagged(0x82, Buffer.from(each))),
    ...addresses.map((each) => tagged(0x87, Buffer.from(each.split('.').map(Number)))),
  ]
  return sequence(oid([0x55, 0x1d, 0x11]), tagged(0x04, sequence(...names)))
}

const nameOf = (text: string) =>
  sequence(tagged(0x31, sequence(oid([0x55, 0x04, 0x03]), tagged(0x0c, Buffer.from(text)))))
const time = (ms: number) =>
  tagged(0x18, Buffer.from(`${new Date(ms).toISOString().replace(/[-:T]|\.\d+Z/g, '')}Z`))
const oid = (bytes: number[]) => tagged(0x06, Buffer.from(bytes))
const integer = (bytes: Buffer) => tagged(0x02, bytes)
const sequence = (...parts: Buffer[]) => tagged(0x30, ...parts)

function tagged(tag: number, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}
