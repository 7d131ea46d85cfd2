// What is known of one upstream's authorisation. Plain data: whoever calls keeps it, sealed.
import type { AuthorizationServerMetadata } from '@modelcontextprotocol/client'
import type { Fetch } from './egress.ts'

export type Grant = 'authorization_code' | 'client_credentials'

export type ClientConfig = {
  /** URL of the MCP server. */
  serverUrl: string
  grant: Grant
  /** Where authorisation servers send the person back to. */
  redirectUri: string
  /** What authorisation servers show of us. */
  clientName: string
  /** https: URL of our client metadata document, for servers that read those instead of registering clients. */
  clientMetadataUrl?: string
  /** A client that somebody registered with the authorisation server by hand. */
  client?: GivenClient
  /** The scopes that are wanted; the server's own choice when absent. */
  scope?: string
  fetch: Fetch
  now(): Date
}

export type GivenClient = {
  client_id: string
  client_secret?: string
  /** Instead of a secret: signs an assertion (private_key_jwt). PKCS #8, PEM. */
  private_key?: { pem: string; algorithm: string }
  /** Whom it is registered with; whoever is found first when absent. */
  issuer?: string
}

/** JSON, from `{}` on. What belongs to one issuer is never used with another. */
export type Authorization = {
  server?: ProtectedBy
  client?: Registration
  tokens?: Tokens
  /** All scopes asked for so far: what is asked for next never has less. */
  requested_scope?: string
  pending?: Pending
}

/** The authorisation server that protects the upstream, as its metadata told. */
export type ProtectedBy = {
  issuer: string
  /** The resource indicator (RFC 8707) of the upstream. */
  resource: string
  scopes_supported?: string[]
  metadata: AuthorizationServerMetadata
}

export type Registration = {
  issuer: string
  client_id: string
  client_secret?: string
  token_endpoint_auth_method?: string
  /** `given` was registered by hand, `document` is the address of our metadata document. */
  by: 'given' | 'document' | 'registration'
  /** Of a registration: what it was made for, and when its secret ends (milliseconds since 1970). */
  redirect_uri?: string
  expires_at_ms?: number
}

export type Tokens = {
  issuer: string
  access_token: string
  refresh_token?: string
  scope?: string
  /** Milliseconds since 1970; when it ends is absent when the server did not say. */
  issued_at_ms: number
  expires_at_ms?: number
}

/** An authorisation that a person has begun: all that the answer is checked against. */
export type Pending = {
  /** 256 random bits that come back with the person. */
  state: string
  code_verifier: string
  redirect_uri: string
  server: ProtectedBy
  client: Registration
}

/** Whether two texts name one issuer: issuers derived from a URL end in the slash that the issuer itself may leave out. */
export function sameIssuer(one: string, other: string): boolean {
  return one.replace(/\/$/, '') === other.replace(/\/$/, '')
}
