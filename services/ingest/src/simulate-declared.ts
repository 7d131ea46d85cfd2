// Whether the facts of a recorded call would be drawn by the same declarations today: a policy's `facts:` section says
// where tools of others keep their facts, and another section may have found others.
import type { FactDeclaration } from '@mcpshield/policy/facts'
import { globMatcher } from '@mcpshield/policy/globs'

export type FactsSection = { from_version: number; to_version: number; facts: unknown }

/** Kept answers; tools are as many as callers make up. */
const MAX_KNOWN = 10_000

export function declarations(draft: unknown, sections: readonly FactsSection[]) {
  const drafted = declaredFor(draft)
  const recorded = sections.map(({ facts, ...versions }) => ({ ...versions, declared: declaredFor(facts) }))
  const known = new Map<string, boolean>()

  const compare = (version: number | null, tool: string) => {
    const then = recorded.find(
      (each) => version !== null && each.from_version <= version && version <= each.to_version,
    )
    return then !== undefined && then.declared(tool) === drafted(tool)
  }
  return {
    /** A version of which nothing is known counts as another. */
    areSame(version: number | null, tool: string): boolean {
      const key = `${version} ${tool}`
      let same = known.get(key)
      if (same === undefined) {
        if (known.size >= MAX_KNOWN) known.clear()
        known.set(key, (same = compare(version, tool)))
      }
      return same
    },
  }
}

/** What a section says of a tool, as text: the declarations of every glob that matches add up, in whatever order. */
function declaredFor(section: unknown): (tool: string) => string {
  const entries = Object.entries((section ?? {}) as Record<string, FactDeclaration>).map(
    ([glob, { paths, urls, sql }]) =>
      // Stored documents do not keep the order of their keys.
      [
        globMatcher(glob),
        JSON.stringify([paths, urls, sql?.argument, sql?.dialect, sql?.connection]),
      ] as const,
  )
  return (tool) =>
    entries
      .filter(([matches]) => matches(tool))
      .map(([, text]) => text)
      .sort()
      .join('\n')
}
