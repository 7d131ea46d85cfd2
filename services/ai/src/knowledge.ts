// What is known of a project when the assistant works for it: its policy in force, its tools and systems, and the names of what
// is stored in them, as far as the gateway can say so in time.
import type { Caller } from '@mcpshield/contracts/caller'
import type { Output } from '@mcpshield/contracts/define'
import { AppError } from '@mcpshield/contracts/errors'
import type { mcpGateway } from '@mcpshield/contracts/mcp-gateway'
import type { ProjectKnowledge } from '@mcpshield/contracts/projects'
import { globMatcher } from '@mcpshield/policy/globs'
import type { Documents } from '@mcpshield/policy/openings'
import { checkPolicy } from '@mcpshield/policy/parse'
import type { Policy } from '@mcpshield/policy/schema'

export type StoredResource = { connection: string; kind: string; name: string; fields: string[] }

export type Knowledge = Omit<ProjectKnowledge, 'policy' | 'organization_policy'> & {
  inForce: Documents
  /** The built-in tools of its connections. */
  ownTools: ProjectKnowledge['tools']
  resources: StoredResource[]
  /** What is not known of its connections, in sentences. */
  notes: string[]
}

export type KnownSystems = {
  environment: string
  connections: readonly { name: string; kind: string }[]
  resources: readonly { name: string; kind: string; matches(pattern: string): boolean }[]
}

export type Asking = { caller: Caller; requestId: string }

export type KnowledgeDeps = {
  describeProject(project_id: string, asking: Asking): Promise<ProjectKnowledge>
  describeConnection(input: { project_id: string; name: string }, asking: Asking): Promise<Description>
}

type Description = Output<typeof mcpGateway.rpc.describeConnection>

/** Connections that are asked, and names that are kept of all of them together. */
const MAX_CONNECTIONS = 8
const MAX_RESOURCES = 800

/** NOT_FOUND for a project that is not the caller's. */
export async function learn(deps: KnowledgeDeps, project_id: string, asking: Asking): Promise<Knowledge> {
  const { policy, organization_policy, ...known } = await deps.describeProject(project_id, asking)
  return {
    ...known,
    inForce: {
      policy: documentOf(policy),
      ...(organization_policy === null ? {} : { above: documentOf(organization_policy, true) }),
    },
    ownTools: [],
    resources: [],
    notes: [],
  }
}

/** The same, with what its connections offer and store; what does not answer in time is said to be unknown. */
export async function withResources(
  deps: KnowledgeDeps,
  project_id: string,
  knowledge: Knowledge,
  asking: Asking,
): Promise<Knowledge> {
  const connections = knowledge.systems.connections
  const asked = connections.slice(0, MAX_CONNECTIONS)
  const answers = await Promise.allSettled(
    asked.map(({ name }) => deps.describeConnection({ project_id, name }, asking)),
  )
  const told = asked.map((each, i) => ({ ...each, description: descriptionIn(answers[i]) }))
  const ownTools = told.flatMap(({ description }) => description.tools)
  return {
    ...knowledge,
    ownTools: [...new Map(ownTools.map((each) => [each.name, each])).values()],
    resources: told
      .flatMap(({ name: connection, kind, description }) =>
        description.resources.map((each): StoredResource => ({ connection, kind, ...each })),
      )
      .slice(0, MAX_RESOURCES),
    notes: [
      ...told.flatMap(noteOn),
      ...connections.slice(MAX_CONNECTIONS).map(({ name }) => `What ${name} stores was not asked.`),
    ],
  }
}

function descriptionIn(answer: PromiseSettledResult<Description> | undefined): Description {
  if (answer?.status === 'fulfilled') return answer.value
  return { tools: [], resources: [], truncated: false, note: 'It did not answer in time.' }
}

type Told = { name: string; kind: string; description: Description }

function noteOn({ name, kind, description: { note, truncated } }: Told): string[] {
  if (note !== null) return [`What ${name} (${kind}) stores is not known: ${note}`]
  return truncated ? [`${name} (${kind}) stores more than is told here.`] : []
}

/** Names that a call may touch: of a pattern of keys, a key that it may stand for. Folders are none of them. */
export function touchable({ resources }: Pick<Knowledge, 'resources'>): StoredResource[] {
  return resources
    .filter(({ kind }) => kind !== 'files')
    .map((each) => (each.kind === 'redis' ? { ...each, name: each.name.replaceAll('*', 'example') } : each))
}

/** What was checked when it was saved is checked again: a document of an older version may be none any more. */
function documentOf(document: unknown, organization = false): Policy {
  const { policy } = checkPolicy(document, { organization })
  if (policy === undefined) throw new AppError('UNAVAILABLE', 'The policy in force cannot be read any more.')
  return policy
}

export function knownSystems(knowledge: Knowledge): KnownSystems {
  return {
    environment: knowledge.environment,
    connections: knowledge.systems.connections,
    resources: touchable(knowledge).map(({ name, kind }) => ({
      name,
      kind,
      matches: (pattern) => globMatcher(pattern)(name),
    })),
  }
}
