// What the documentation holds, in the order in which one may read it.
import { CLIENTS } from '#lib/clients/clients.ts'
import { API_GROUPS } from './api.server.ts'
import { sourcesIn, sourceText } from './sources.server.ts'
import { plain } from './markdown.server.ts'

/** What a page is made of. */
export type Making =
  | { kind: 'markdown'; source: string }
  | { kind: 'decisions' }
  | { kind: 'client'; client: string }
  | { kind: 'recipe'; source: string }
  | { kind: 'api'; group: string }
export type Entry = {
  /** Below /docs. */
  path: string
  title: string
  /** One sentence, for the overview. */
  about?: string
  making: Making
}
export type Group = { title: string; entries: Entry[] }

const markdown = (path: string, source: string, title: string, about?: string): Entry => ({
  path,
  title,
  ...(about === undefined ? {} : { about }),
  making: { kind: 'markdown', source },
})

const RECIPES = 'docs/policy/cookbook'

export const GROUPS: readonly Group[] = [
  {
    title: 'Begin',
    entries: [
      markdown(
        'quick-start',
        'docs/site/quick-start.md',
        'Quick start',
        'From a clone to the first denied call.',
      ),
      markdown(
        'concepts',
        'docs/concepts.md',
        'Concepts',
        'The words, in the order in which a call meets them.',
      ),
      markdown(
        'systems',
        'docs/site/systems.md',
        'Connect a system',
        'Databases, folders, the web, and other MCP servers.',
      ),
      markdown(
        'programs',
        'docs/site/programs.md',
        'Programs without MCP',
        'Ask for a decision, or report what was done.',
      ),
    ],
  },
  {
    title: 'Clients',
    entries: [
      markdown(
        'clients',
        'docs/site/clients.md',
        'Connect a client',
        'What every client needs, and what it sees.',
      ),
      ...CLIENTS.map(({ id, name }): Entry => ({
        path: `clients/${id}`,
        title: name,
        making: { kind: 'client', client: id },
      })),
    ],
  },
  {
    title: 'Policies',
    entries: [
      markdown(
        'policy/reference',
        'docs/policy/reference.md',
        'The policy language',
        'All of it, on one page.',
      ),
      markdown(
        'policy/cookbook',
        'docs/policy/cookbook.md',
        'Policies to copy',
        'Whole policies with their tests.',
      ),
    ],
  },
  {
    title: 'Systems',
    entries: [
      markdown('databases/postgresql', 'docs/databases/postgresql.md', 'PostgreSQL'),
      markdown('databases/mysql', 'docs/databases/mysql.md', 'MySQL and MariaDB'),
      markdown('databases/sqlite', 'docs/databases/sqlite.md', 'SQLite'),
      markdown('databases/mongodb', 'docs/databases/mongodb.md', 'MongoDB'),
      markdown('databases/redis', 'docs/databases/redis.md', 'Redis'),
      markdown('third-party-servers', 'docs/third-party-servers.md', 'MCP servers of others'),
      markdown(
        'connectors',
        'services/mcp-gateway/README.md',
        'The connectors',
        'What each can do, and what it cannot hold.',
      ),
    ],
  },
  {
    title: 'Reference',
    entries: [
      markdown('mcp', 'docs/mcp.md', 'MCP through the gateway', 'Endpoints, eras, approvals, pins.'),
      markdown('siem', 'docs/siem.md', 'Your SIEM', 'The record over NATS, webhooks and syslog.'),
      markdown('cli', 'docs/cli.md', 'The command line', 'Every command, with examples.'),
      markdown(
        'cli-reference',
        'docs/cli-reference.md',
        'Command reference',
        'Every option of every command.',
      ),
      markdown(
        'assistant',
        'docs/assistant.md',
        'The assistant',
        'What it is told, what is done with a proposal, its events.',
      ),
      markdown('api', 'docs/site/api.md', 'The REST API', 'Credentials, pages, errors, limits.'),
      ...API_GROUPS.map(({ id, title }): Entry => ({
        path: `api/${id}`,
        title: `API: ${title}`,
        making: { kind: 'api', group: id },
      })),
    ],
  },
  {
    title: 'Running it',
    entries: [
      markdown(
        'operations',
        'docs/operations.md',
        'Operations',
        'In production: setting up, backups, many instances.',
      ),
      markdown(
        'upgrade',
        'docs/upgrade.md',
        'Upgrades',
        'What order to go in, and what must not be skipped.',
      ),
      markdown(
        'observability',
        'docs/observability.md',
        'Metrics, traces, logs',
        'What to watch, and what it is called.',
      ),
      markdown('faults', 'docs/faults.md', 'Faults and load', 'What happens when parts fail, tried out.'),
    ],
  },
  {
    title: 'Inside',
    entries: [
      markdown(
        'security',
        'docs/site/security.md',
        'What it holds, and what not',
        'The promises, and where they end.',
      ),
      markdown(
        'threat-model',
        'docs/threat-model.md',
        'Threat model',
        'Who might want what, what stands in the way, and how that is tested.',
      ),
      markdown(
        'architecture',
        'docs/architecture.md',
        'Architecture',
        'The path of a call, and who trusts whom.',
      ),
      markdown('performance', 'docs/performance.md', 'Performance', 'Figures, each beside its yardstick.'),
      markdown('billing', 'docs/billing.md', 'Plans and invoices', 'Periods, changes, limits.'),
      markdown('asvs', 'docs/asvs.md', 'Authentication beside OWASP ASVS', 'Item by item.'),
      {
        path: 'decisions',
        title: 'Decisions',
        about: 'Choices that closed a door, and why.',
        making: { kind: 'decisions' },
      },
    ],
  },
]

/** Pages that others list: not in the navigation. */
export const RECIPE_ENTRIES: readonly Entry[] = sourcesIn(RECIPES).map((source) => {
  const name = source.slice(RECIPES.length + 1).replace(/\.yaml$/, '')
  return {
    path: `policy/cookbook/${name}`,
    title: titleOf(name),
    about: aboutOf(name),
    making: { kind: 'recipe', source },
  }
})

export const ENTRIES: readonly Entry[] = [...GROUPS.flatMap(({ entries }) => entries), ...RECIPE_ENTRIES]

export function entryAt(path: string): Entry | undefined {
  return ENTRIES.find((entry) => entry.path === path)
}

function titleOf(name: string): string {
  const words = name.replaceAll('-', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** The sentence of the cookbook's own table. */
function aboutOf(name: string): string {
  const row = sourceText('docs/policy/cookbook.md')
    .split('\n')
    .find((line) => line.includes(`(cookbook/${name}.yaml)`))
  return plain(row?.split('|')[2] ?? '')
}
