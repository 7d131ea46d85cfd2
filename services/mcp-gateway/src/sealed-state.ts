// `requestState` of the modern era, and task ids: what a client carries for us from one request to the next. Encrypted,
// bound to who asked and to what was asked, and over after a while.
import { hash, randomBytes } from 'node:crypto'
import canonicalize from 'canonicalize'
import { EncryptJWT, errors, jwtDecrypt } from 'jose'
import type { JsonObject } from '@mcpshield/policy/facts'

/** What a state may be opened for: the same asker and the same call, or task. */
export type Bound = { subject: string; projectId: string; call: JsonObject }

export type SealedStates = {
  seal(content: JsonObject, bound: Bound, lifetimeMs: number): Promise<string>
  /** The content, or why it is not taken. */
  open(text: string, bound: Bound): Promise<{ content: JsonObject; id: string } | { problem: string }>
}

const MAX_TEXT_UNITS = 64 * 1024

/** `key` is the same in every instance: each opens what another sealed. */
export function sealedStates(key: Buffer): SealedStates {
  const secret = new Uint8Array(hash('sha256', Buffer.concat([key, Buffer.from('mcp-state')]), 'buffer'))
  return {
    seal(content, bound, lifetimeMs) {
      const now = Math.floor(Date.now() / 1000)
      return new EncryptJWT({ content, bound: boundHash(bound) })
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
        .setJti(randomBytes(16).toString('base64url'))
        .setIssuedAt(now)
        .setExpirationTime(now + Math.ceil(lifetimeMs / 1000))
        .encrypt(secret)
    },
    async open(text, bound) {
      if (text.length > MAX_TEXT_UNITS) return { problem: 'The state is not one that was given out here.' }
      try {
        const { payload } = await jwtDecrypt(text, secret, {
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: ['A256GCM'],
        })
        if (payload['bound'] !== boundHash(bound))
          return { problem: 'The state belongs to another call, or to another asker.' }
        return { content: payload['content'] as JsonObject, id: String(payload.jti) }
      } catch (error) {
        if (error instanceof errors.JWTExpired) return { problem: 'The state is over: make the call anew.' }
        return { problem: 'The state is not one that was given out here.' }
      }
    },
  }
}

function boundHash(bound: Bound): string {
  return hash('sha256', canonicalize(bound) ?? '', 'base64url')
}
