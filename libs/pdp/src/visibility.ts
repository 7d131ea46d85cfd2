// What an asker may see and hear besides calls: what lists show, what a server tells, what is looked for in it.
import type { CompiledPolicy } from '@mcpshield/policy/compile'
import { couldAllow } from '@mcpshield/policy/could-allow'
import type { JsonObject } from '@mcpshield/policy/facts'
import type { Obligations } from '@mcpshield/policy/schema'
import { currentCredential } from './current-credential.ts'
import { contextOf } from './policy-word.ts'
import { isOpen, NO_OBLIGATIONS } from './refusals.ts'
import type { Credential, Snapshots } from './snapshots.ts'

export type Visibility = {
  /** Whether some call of this tool could be allowed or asked for: what lists may show. */
  couldShow(credential: Credential, method: string, tool: string): boolean
  /** Whether an upstream may be asked what it has for this asker at all. */
  mayList(credential: Credential, slug: string): boolean
  /** Whether what an upstream tells outside of requests may still be passed on: of a resource, while it may be subscribed to. */
  mayHear(credential: Credential, slug: string, message: { method: string; params?: JsonObject }): boolean
  /**
   * What is looked for in what belongs to no decided call, such as a server's logs and descriptions: whatever some rule
   * redacts. Fields are rows' matter.
   */
  standing(credential: Credential): Obligations['redact']
}

export function visibility(snapshots: Snapshots, now: () => Date): Visibility {
  return {
    couldShow(given, method, tool) {
      const project = snapshots.project(given.project_id)
      const credential = currentCredential(snapshots, given, now())
      if (project === undefined || !isOpen(snapshots, project, credential, tool)) return false
      if (project.snapshot.mode === 'monitor') return true
      return couldAllow(project.compiled, method, tool, contextOf(project, credential, null, now()))
    },
    mayList(given, slug) {
      const project = snapshots.project(given.project_id)
      const credential = currentCredential(snapshots, given, now())
      return project !== undefined && isOpen(snapshots, project, credential, slug)
    },
    mayHear(credential, slug, { method, params }) {
      const uri = params?.['uri']
      if (method !== 'notifications/resources/updated' || typeof uri !== 'string')
        return this.mayList(credential, slug)
      return this.couldShow(credential, 'resources/subscribe', `${slug}/${uri}`)
    },
    standing(credential) {
      const compiled = snapshots.project(credential.project_id)?.compiled
      return compiled === undefined ? NO_OBLIGATIONS.redact : standingOf(compiled)
    },
  }
}

const standing = new WeakMap<CompiledPolicy, Obligations['redact']>()

function standingOf(compiled: CompiledPolicy): Obligations['redact'] {
  const known = standing.get(compiled)
  if (known !== undefined) return known
  const all = compiled.rules.flatMap(({ obligations }) => obligations?.redact ?? [])
  const unique = new Map(
    all.filter((each) => !('fields' in each)).map((each) => [JSON.stringify(each), each]),
  )
  standing.set(compiled, [...unique.values()])
  return [...unique.values()]
}
