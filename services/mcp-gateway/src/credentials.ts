// Who asks: the holder of an API key or, at a project's own endpoint, of an access token of the issuer it trusts. Every
// way in passes here.
import type { IncomingHttpHeaders } from 'node:http'
import { currentCredential } from '@mcpshield/pdp/current-credential'
import type { Credential, ProjectPolicy, Snapshots } from '@mcpshield/pdp/snapshots'

export type CredentialDeps = {
  snapshots: Pick<Snapshots, 'credential' | 'credentialByDigest' | 'project'>
  bearer: { credential(token: string, project: ProjectPolicy, now: Date): Promise<Credential | undefined> }
}

const KEY = /^mcps_\S+$/

/** Nobody, when it is undefined. `project` is that of the path. Only a token takes time. */
export function credentialOf(
  deps: CredentialDeps,
  headers: IncomingHttpHeaders,
  project: string | null,
): Credential | undefined | Promise<Credential | undefined> {
  const key = headers['x-api-key']
  const bearer = bearerOf(headers.authorization)
  // Two different credentials in one request: neither is believed.
  if (key !== undefined && bearer !== undefined && key !== bearer) return undefined
  const given = key ?? bearer
  if (typeof given !== 'string') return undefined
  if (KEY.test(given)) return ofProject(deps.snapshots.credential(given, new Date()), project)
  if (key !== undefined || project === null) return undefined
  const policy = deps.snapshots.project(project)
  return policy === undefined ? undefined : ofToken(deps, given, policy)
}

/** Of the Authorization header; an empty text for one of another kind, which is nobody's. */
function bearerOf(authorization: string | undefined): string | undefined {
  if (authorization === undefined) return undefined
  return /^Bearer +(\S+)$/i.exec(authorization)?.[1] ?? ''
}

async function ofToken(
  { bearer }: CredentialDeps,
  token: string,
  policy: ProjectPolicy,
): Promise<Credential | undefined> {
  return ofProject(await bearer.credential(token, policy, new Date()), policy.snapshot.project_id)
}

function ofProject(credential: Credential | undefined, project: string | null): Credential | undefined {
  return project === null || credential?.project_id === project ? credential : undefined
}

/** Whether a credential that was good still is: a key that is not revoked, a token that is not over and still trusted. */
export function stillHolds(
  snapshots: CredentialDeps['snapshots'],
  credential: Credential,
  now: Date,
): boolean {
  if (currentCredential(snapshots, credential, now) === undefined) return false
  // A token is a project's: without one it is good for nothing.
  return 'digest' in credential || snapshots.project(credential.project_id) !== undefined
}

/** Whether a kill switch stops everything that the credential could ask for. */
export function isKilled(snapshots: CredentialDeps['snapshots'], credential: Credential, now: Date): boolean {
  const project = snapshots.project(credential.project_id)?.snapshot
  if (project?.killed === true || project?.organization_killed === true) return true
  const key =
    'digest' in credential ? snapshots.credentialByDigest(String(credential.digest), now) : undefined
  return key?.killed === true
}
