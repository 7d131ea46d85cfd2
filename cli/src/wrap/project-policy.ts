// The policy of a project, from its server: read at the start and again every minute. One that the server takes back, or
// that nobody could look at for an hour, decides no more.
import { parsePolicy } from '@mcpshield/policy/parse'
import type { Policy } from '@mcpshield/policy/schema'
import type { ProjectAccess } from '../project-access.ts'
import { detailOf, member, refused } from '../rest-client.ts'
import type { Systems } from '../systems-file.ts'
import { CommandError, SERVER } from '../world.ts'
import { inForce, type NoPolicy, type PolicyInForce, type PolicySource } from './policy-in-force.ts'

type PolicyDeps = {
  access: ProjectAccess
  project: string
  systems: Systems
  tell(message: string): void
  everyMs?: number
  keptForMs?: number
}

const WITHIN_MS = 15_000
const EVERY_MS = 60_000
/** How long a policy holds that the server could not be asked about again. */
const KEPT_FOR_MS = 3_600_000
/** The server says that there is no such policy for us, any more. */
const TAKEN_BACK = new Set([401, 403, 404])

/** Throws when the policy cannot be had at the start. */
export async function projectPolicy(deps: PolicyDeps): Promise<{ source: PolicySource } & Disposable> {
  const { tell, everyMs = EVERY_MS, keptForMs = KEPT_FOR_MS } = deps
  let current: PolicyInForce | NoPolicy = await fetched(deps, undefined)
  let readAtMs = performance.now()
  let complaint: string | undefined

  const failed = (error: Error) => {
    if (complaint !== error.message) tell(`the policy cannot be read again: ${error.message}`)
    complaint = error.message
    if (error instanceof Lost) current = { unavailable: error.message }
  }
  const again = async () => {
    try {
      current = await fetched(deps, current)
      readAtMs = performance.now()
      complaint = undefined
    } catch (error) {
      failed(error as Error)
    }
    timer = setTimeout(() => void again(), everyMs).unref()
  }
  let timer = setTimeout(() => void again(), everyMs).unref()
  return {
    source: () =>
      performance.now() - readAtMs > keptForMs
        ? { unavailable: 'The policy could not be read from the server for too long.' }
        : current,
    [Symbol.dispose]: () => clearTimeout(timer),
  }
}

/** The policy before must not be used any more. */
class Lost extends CommandError {}

/** The same object where nothing has changed. */
async function fetched(
  { access, project, systems }: PolicyDeps,
  before: PolicyInForce | NoPolicy | undefined,
): Promise<PolicyInForce> {
  const path = `/projects/${encodeURIComponent(project)}/policy`
  const { status, body } = await access.api.request('GET', path, undefined, WITHIN_MS)
  if (TAKEN_BACK.has(status))
    throw new Lost(`The server gives no policy (${status}): ${detailOf(body)}`, SERVER)
  if (status !== 200) throw refused(status, body)
  const [text, version] = [member(body, 'policy_yaml'), member(body, 'version')]
  const above = member(body, 'organization_policy_yaml')
  if (typeof text !== 'string' || typeof version !== 'number') throw refused(status, undefined)
  const hash = JSON.stringify([version, member(body, 'hash'), above ?? null])
  if (before !== undefined && 'hash' in before && before.hash === hash) return before
  const organization = typeof above === 'string' ? parsed(above, true) : undefined
  return inForce(parsed(text, false), systems, { version, hash }, organization)
}

function parsed(text: string, organization: boolean): Policy {
  const { policy, diagnostics } = parsePolicy(text, { organization })
  if (policy !== undefined) return policy
  const [first] = diagnostics.filter(({ severity }) => severity === 'error')
  throw new Lost(`This version of mcpshield does not understand the policy: ${first?.message ?? ''}`, SERVER)
}
