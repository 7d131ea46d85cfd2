// What is known of a project when the assistant works for it: its policy in force, its tools and systems, and the names of what
// is stored in them, as far as the gateway can say so in time.
import type { Caller } from '@mcpshield/contracts/caller'
import { AppError } from '@mcpshield/contracts/errors'
import type { ProjectKnowledge } from '@mcpshield/contracts/projects'
import { globMatcher } from '@mcpshield/policy/globs'
import type { Documents } from '@mcpshield/policy/openings'
import { checkPolicy } from '@mcpshield/policy/parse'
import type { Policy } from '@mcpshield/policy/schema'

export type StoredResource = { connection: string; kind: string; name: string; fields: string[] }

export type Knowledge = Omit<ProjectKnowledge, 'policy' | 'organization_policy'> & {
  inForce: Documents
  resources: StoredResource[]
}

export type KnownSystems = {
  environment: string
  connections: readonly { name: string; kind: string }[]
  resources: readonly { name: string; kind: string; matches(pattern: string): boolean }[]
}

export type Asking = { caller: Caller; requestId: string }

export type KnowledgeDeps = {
  describeProject(project_id: string, asking: Asking): Promise<ProjectKnowledge>
  describeConnection(
    input: { project_id: string; name: string },
    asking: Asking,
  ): Promise<{ resources: { name: string; fields: string[] }[] }>
}

/** Connections that are asked, and names that are kept of all of them together. */
const MAX_CONNECTIONS = 6
const MAX_RESOURCES = 300
const WITHOUT_STORE = new Set(['files', 'http', 'redis', 'mongodb'])

/** NOT_FOUND for a project that is not the caller's. */
export async function learn(deps: KnowledgeDeps, project_id: string, asking: Asking): Promise<Knowledge> {
  const { policy, organization_policy, ...known } = await deps.describeProject(project_id, asking)
  return {
    ...known,
    inForce: {
      policy: documentOf(policy),
      ...(organization_policy === null ? {} : { above: documentOf(organization_policy, true) }),
    },
    resources: [],
  }
}

/** The same, with what is stored in its systems; what does not answer in time is left out. */
export async function withResources(
  deps: KnowledgeDeps,
  project_id: string,
  knowledge: Knowledge,
  asking: Asking,
): Promise<Knowledge> {
  const asked = knowledge.systems.connections
    .filter(({ kind }) => !WITHOUT_STORE.has(kind))
    .slice(0, MAX_CONNECTIONS)
    .map(async ({ name, kind }) => {
      const { resources } = await deps.describeConnection({ project_id, name }, asking)
      return resources.map((each): StoredResource => ({ connection: name, kind, ...each }))
    })
  const answers = await Promise.allSettled(asked)
  const resources = answers.flatMap((each) => (each.status === 'fulfilled' ? each.value : []))
  return { ...knowledge, resources: resources.slice(0, MAX_RESOURCES) }
}

/** What was checked when it was saved is checked again: a document of an older version may be none any more. */
function documentOf(document: unknown, organization = false): Policy {
  const { policy } = checkPolicy(document, { organization })
  if (policy === undefined) throw new AppError('UNAVAILABLE', 'The policy in force cannot be read any more.')
  return policy
}

export function knownSystems({ environment, systems, resources }: Knowledge): KnownSystems {
  return {
    environment,
    connections: systems.connections,
    resources: resources.map(({ name, kind }) => ({
      name,
      kind,
      matches: (pattern) => globMatcher(pattern)(name),
    })),
  }
}
