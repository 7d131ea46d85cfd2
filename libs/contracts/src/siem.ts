// The record on its way to an organisation's own security systems: credentials to read it from NATS, and forwarders that
// carry it to a webhook or a syslog server. Of the Enterprise plan.
import { z } from 'zod'
import { contract, rpc } from './define.ts'
import { Trial } from './projects.ts'
import { Empty, Health, Id, Page, Time, pageOf } from './values.ts'

const Name = z.string().trim().min(1).max(100)

/** Where a credential reads: the same for as long as it exists, and no secret. */
export const SiemConnection = z.object({
  /** nats:// or tls:// URL of the server. */
  url: z.string(),
  stream: z.string(),
  /** Durable pull consumer, made with the credential: it keeps the place of its reader. */
  durable: z.string(),
  /** May be subscribed to, to see events as they come; what was missed is in the durable. */
  subject: z.string(),
  /** The client has to be told to use it: answers come nowhere else. */
  inbox_prefix: z.string(),
})
export type SiemConnection = z.infer<typeof SiemConnection>

export const SiemCredential = z.object({
  id: Id,
  name: z.string(),
  /** `resting`: the plan is not Enterprise. `revoking`: revoked, and not yet in force at the server. */
  state: z.enum(['active', 'resting', 'expired', 'revoking', 'revoked']),
  connection: SiemConnection,
  created_by: Id.nullable(),
  created_at: Time,
  expires_at: Time.nullable(),
  /** When its reader last acknowledged something. */
  last_read_at: Time.nullable(),
  /** Messages that its reader has not acknowledged; null when it is not known. */
  pending: z.int().nullable(),
  /** Why events do not reach it just now, in plain words. */
  last_error: z.object({ at: Time, message: z.string() }).nullable(),
  revoked_at: Time.nullable(),
})
export type SiemCredential = z.infer<typeof SiemCredential>

/** A certificate authority of one's own, in PEM; the system's are not asked then. */
const CaCertificate = z
  .string()
  .max(65_536)
  .regex(/^\s*-----BEGIN CERTIFICATE-----[\s\S]+-----END CERTIFICATE-----\s*$/, 'must be PEM certificates')

const HttpsUrl = z.url({ protocol: /^https$/ }).max(2_000)
const HeaderName = z
  .string()
  .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/, 'must be the name of an HTTP header')
const HeaderValue = z.string().regex(/^[\x20-\x7e]{0,4000}$/, 'must be printable ASCII')
const Host = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[A-Za-z0-9._:-]+$/, 'must be a host name or an address')

const webhook = {
  kind: z.literal('webhook'),
  url: HttpsUrl,
  /** `array`: one JSON array. `lines`: one event a line (application/x-ndjson). */
  body: z.enum(['array', 'lines']),
}
const syslog = {
  kind: z.literal('syslog'),
  host: Host,
  port: z.int().min(1).max(65_535),
  /** Larger events lose their largest parts, and say so. */
  max_message_bytes: z.int().min(2_048).max(1_048_576),
}

/** A destination as it is set up. */
export const SiemDestinationInput = z.discriminatedUnion('kind', [
  z.strictObject({
    ...webhook,
    body: webhook.body.default('array'),
    /** Such as Authorization. Sealed, and never shown again. Left out of a change they stay, while scheme, host and port do. */
    headers: z
      .record(HeaderName, HeaderValue)
      .refine((all) => Object.keys(all).length <= 20, { error: 'must be 20 headers at most' })
      .optional(),
    ca_certificate: CaCertificate.nullish(),
  }),
  z.strictObject({
    ...syslog,
    port: syslog.port.default(6_514),
    max_message_bytes: syslog.max_message_bytes.default(8_192),
    ca_certificate: CaCertificate.nullish(),
  }),
])
export type SiemDestinationInput = z.output<typeof SiemDestinationInput>

/** A destination as it is shown. */
export const SiemDestination = z.discriminatedUnion('kind', [
  z.object({ ...webhook, header_names: z.array(z.string()), ca_certificate: z.string().nullable() }),
  z.object({ ...syslog, ca_certificate: z.string().nullable() }),
])
export type SiemDestination = z.infer<typeof SiemDestination>

export const SiemForwarder = z.object({
  id: Id,
  name: z.string(),
  destination: SiemDestination,
  /** False while a person has paused it: events wait for it, as long as the record's stream keeps them. */
  enabled: z.boolean(),
  /** `failing`: the last attempt failed, and it is tried again. `resting`: the plan is not Enterprise. */
  state: z.enum(['running', 'failing', 'paused', 'resting']),
  last_success_at: Time.nullable(),
  /** Of the last attempt that failed, in plain words; null once one has succeeded. */
  last_error: z.object({ at: Time, message: z.string() }).nullable(),
  /** Messages that wait to be forwarded; null when it is not known. */
  pending: z.int().nullable(),
  created_by: Id.nullable(),
  created_at: Time,
  updated_at: Time,
})
export type SiemForwarder = z.infer<typeof SiemForwarder>

/** A webhook's signing secret (`whsec_…`), only in the answer that makes it. */
const WithSecret = SiemForwarder.extend({ signing_secret: z.string().nullable() })

const credential = { credential_id: Id }
const forwarder = { forwarder_id: Id }
const seen = ['UNAUTHENTICATED', 'PERMISSION_DENIED'] as const
const made = [...seen, 'INVALID_ARGUMENT', 'QUOTA_EXCEEDED', 'CONFLICT', 'UNAVAILABLE'] as const

const credentialsPath = '/organization/siem-credentials'
const forwardersPath = '/organization/siem-forwarders'

export const siem = contract('siem', {
  rpc: {
    checkHealth: rpc({ input: Empty, output: Health, errors: [], access: 'internal' }),
    listSiemCredentials: rpc({
      input: z.strictObject({ ...Page }),
      output: pageOf(SiemCredential),
      errors: seen,
      access: 'user',
      right: 'administer',
      http: {
        method: 'GET',
        path: credentialsPath,
        summary: 'Credentials that read the organisation’s record from NATS, newest first',
      },
    }),
    createSiemCredential: rpc({
      input: z.strictObject({ name: Name, expires_at: Time.nullish() }),
      /** `creds`: the content of a .creds file, only in this answer. */
      output: SiemCredential.extend({ creds: z.string() }),
      errors: made,
      access: 'user',
      right: 'administer',
      http: {
        method: 'POST',
        path: credentialsPath,
        status: 201,
        perMinute: 10,
        summary:
          'Make a .creds file that reads the organisation’s record from NATS; it is shown only in this answer',
      },
      timeoutMs: 20_000,
    }),
    getSiemCredential: rpc({
      input: z.strictObject(credential),
      output: SiemCredential,
      errors: [...seen, 'NOT_FOUND'],
      access: 'user',
      right: 'administer',
      http: { method: 'GET', path: `${credentialsPath}/{credential_id}`, summary: 'One credential' },
    }),
    revokeSiemCredential: rpc({
      input: z.strictObject(credential),
      output: Empty,
      errors: [...seen, 'NOT_FOUND'],
      access: 'user',
      right: 'administer',
      http: {
        method: 'DELETE',
        path: `${credentialsPath}/{credential_id}`,
        status: 204,
        summary:
          'Revoke a credential: its connections are cut within seconds, and what it had not read is let go',
      },
    }),
    listSiemForwarders: rpc({
      input: z.strictObject({ ...Page }),
      output: pageOf(SiemForwarder),
      errors: seen,
      access: 'user',
      right: 'administer',
      http: {
        method: 'GET',
        path: forwardersPath,
        summary: 'Where the organisation’s record is forwarded to, newest first',
      },
    }),
    createSiemForwarder: rpc({
      input: z.strictObject({
        name: Name,
        destination: SiemDestinationInput,
        enabled: z.boolean().default(true),
      }),
      output: WithSecret,
      errors: made,
      access: 'user',
      right: 'administer',
      http: {
        method: 'POST',
        path: forwardersPath,
        status: 201,
        perMinute: 30,
        summary: 'Forward the organisation’s record to a webhook or a syslog server',
      },
    }),
    getSiemForwarder: rpc({
      input: z.strictObject(forwarder),
      output: SiemForwarder,
      errors: [...seen, 'NOT_FOUND'],
      access: 'user',
      right: 'administer',
      http: { method: 'GET', path: `${forwardersPath}/{forwarder_id}`, summary: 'One forwarder' },
    }),
    updateSiemForwarder: rpc({
      input: z.strictObject({
        ...forwarder,
        name: Name.optional(),
        enabled: z.boolean().optional(),
        /** Whole, and of the same kind. */
        destination: SiemDestinationInput.optional(),
        /** Of a webhook: a new signing secret in the place of the present one, in force within seconds. */
        rotate_secret: z.boolean().optional(),
      }),
      output: WithSecret,
      errors: [...made, 'NOT_FOUND'],
      access: 'user',
      right: 'administer',
      http: { method: 'PATCH', path: `${forwardersPath}/{forwarder_id}`, summary: 'Change a forwarder' },
    }),
    deleteSiemForwarder: rpc({
      input: z.strictObject(forwarder),
      output: Empty,
      errors: [...seen, 'NOT_FOUND'],
      access: 'user',
      right: 'administer',
      http: {
        method: 'DELETE',
        path: `${forwardersPath}/{forwarder_id}`,
        status: 204,
        summary: 'Stop forwarding; what was waiting is let go',
      },
    }),
    testSiemForwarder: rpc({
      input: z.strictObject(forwarder),
      output: Trial,
      errors: [...made, 'NOT_FOUND'],
      access: 'user',
      right: 'administer',
      http: {
        method: 'POST',
        path: `${forwardersPath}/{forwarder_id}/test`,
        perMinute: 30,
        summary: 'Send one event that says it is a test, and say what came back',
      },
      timeoutMs: 30_000,
    }),
  },
})
