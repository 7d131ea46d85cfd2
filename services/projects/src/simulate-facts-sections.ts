// By which `facts:` sections the facts of a project's recorded calls may have been drawn.
import type { EntityManager } from '@mikro-orm/postgresql'
import type { FactDeclaration } from '@mcpshield/policy/facts'

export type FactsSection = {
  from_version: number
  to_version: number
  facts: Record<string, FactDeclaration> | null
}

type Version = { version: number; facts: FactsSection['facts'] }

const MAX_VERSIONS = 1_000
const MAX_BYTES = 1024 * 1024
/** A version decides a little longer than it is the newest. */
const IN_FORCE_FOR_MS = 60_000

const VERSIONS_SQL = `select version, policy->'facts' as facts from policy_versions
  where project_id = ? and version >= coalesce((
    select max(version) from policy_versions where project_id = ? and created_at <= ?), 0)
  order by version desc limit ?`

/** Of each version that was in force at some time since then, the newest first; as many as travel well. */
export async function factsSections(
  em: EntityManager,
  projectId: string,
  since: Date,
): Promise<FactsSection[]> {
  const before = new Date(since.getTime() - IN_FORCE_FOR_MS)
  const versions = await em.execute<Version[]>(VERSIONS_SQL, [projectId, projectId, before, MAX_VERSIONS])
  return sectionsOf(versions, MAX_BYTES)
}

/** Neighbours with the same section are told as one. */
export function sectionsOf(newestFirst: readonly Version[], maxBytes: number): FactsSection[] {
  const sections: FactsSection[] = []
  let text: string | undefined
  let bytes = 0
  for (const { version, facts } of newestFirst) {
    const same = JSON.stringify(facts)
    const last = sections.at(-1)
    if (last !== undefined && same === text) {
      last.from_version = version
      continue
    }
    bytes += Buffer.byteLength(same)
    if (bytes > maxBytes) break
    text = same
    sections.push({ from_version: version, to_version: version, facts })
  }
  return sections
}
