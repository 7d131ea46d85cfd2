// Sealing of what must not be readable in the database: AES-256-GCM under a master key from the
// environment, or under a data key that the master key wraps. The sealed form names its key, so that the
// master key can be changed: the one before still opens, the new one seals.
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

export type Sealer = {
  /** `context` says what is sealed and where it lies (`upstreams/<row id>`): it opens nowhere else. */
  seal(plain: Uint8Array | string, context: string): string
  /** Throws when the text was changed, moved to another context, or sealed under a key that is not known. */
  open(sealed: string, context: string): Buffer
  /** Whether the text is sealed under the key that seals now. */
  isCurrent(sealed: string): boolean
}

const IV_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32

/** A sealer of the keys given (32 bytes each): the first one seals, all of them open. */
export function sealer(keys: readonly [Buffer, ...Buffer[]]): Sealer {
  const byId = new Map(keys.map((key) => [keyId(key), key]))
  const [current] = keys
  const currentId = keyId(current)
  return {
    seal(plain, context) {
      const iv = randomBytes(IV_BYTES)
      const cipher = createCipheriv('aes-256-gcm', current, iv)
      cipher.setAAD(Buffer.from(context))
      const sealed = Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
      return `v1.${currentId}.${sealed.toString('base64url')}`
    },
    open(text, context) {
      const [version, id = '', body = ''] = text.split('.')
      const key = byId.get(id)
      if (version !== 'v1' || key === undefined) {
        throw new Error(`sealed under the key ${id}, which is not among those given (MASTER_KEY_PREVIOUS)`)
      }
      const bytes = Buffer.from(body, 'base64url')
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES), {
        authTagLength: TAG_BYTES,
      })
      decipher.setAAD(Buffer.from(context))
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
      return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()])
    },
    isCurrent: (text) => text.startsWith(`v1.${currentId}.`),
  }
}

/** The sealer of the environment's master keys, in hex. */
export function masterSealer(current: string, previous?: string): Sealer {
  const key = Buffer.from(current, 'hex')
  return sealer(previous === undefined ? [key] : [key, Buffer.from(previous, 'hex')])
}

/** A fresh data key, to be wrapped by the master key. */
export function newDataKey(): Buffer {
  return randomBytes(KEY_BYTES)
}

function keyId(key: Buffer): string {
  return createHash('sha256').update('mcpshield key id').update(key).digest('hex').slice(0, 8)
}
