// What a revision of the protocol requires, as the official suite froze it at the revision's release.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

export const REVISIONS = ['2025-11-25', '2026-07-28'] as const
export type Revision = (typeof REVISIONS)[number]

/** Who is tested: a server by a client of the suite, or a client by its servers. */
export type Leg = 'server' | 'client'

export type Requirements = {
  scored: string[]
  /** Run and reported, never counted; and why. */
  notScored: { scenario: string; reason: string }[]
}

/** How many scenarios are scored; a set that was read short must not pass. */
export const SCORED: Record<Revision, Record<Leg, number>> = {
  '2025-11-25': { server: 30, client: 18 },
  '2026-07-28': { server: 37, client: 32 },
}

export const suiteFolder = dirname(
  createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json'),
)

export function requirementsOf(revision: Revision, leg: Leg): Requirements {
  const text = readFileSync(join(suiteFolder, 'requirements', `${revision}.yaml`), 'utf8')
  const scored = section(text, leg).flatMap((line) => /^ {2}- (\S+)$/.exec(line)?.[1] ?? [])
  if (scored.length !== SCORED[revision][leg]) {
    throw new Error(
      `${revision} should score ${SCORED[revision][leg]} ${leg} scenarios, not ${scored.length}`,
    )
  }
  return { scored, notScored: notScored(section(text, 'not_scored').join('\n'), leg) }
}

function notScored(text: string, leg: Leg): Requirements['notScored'] {
  const entries = text.matchAll(/- scenario: (\S+)\n {4}leg: (\S+)\n {4}reason: (\S+)/g)
  return [...entries].flatMap(([, scenario = '', of, reason = '']) =>
    of === leg ? [{ scenario, reason }] : [],
  )
}

/** The lines below a key of the document; the sets are lists of names, two levels deep at most. */
function section(text: string, key: string): string[] {
  const lines = text.split('\n')
  const start = lines.indexOf(`${key}:`) + 1
  const end = lines.findIndex((line, i) => i >= start && /^\w/.test(line))
  return start === 0 ? [] : lines.slice(start, end === -1 ? undefined : end)
}
