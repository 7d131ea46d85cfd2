// Whether the account of a connection may do what no policy of ours could stop once a statement gets through.
import type { Session } from './mysql-session.ts'
import { ask } from './mysql-session.ts'

const WIDE = ['ALL PRIVILEGES', 'FILE', 'SUPER', 'SHUTDOWN', 'PROCESS', 'CREATE USER', 'RELOAD', 'SET USER']

/** The rights over the whole server that an account should not have; empty when there are none. */
export async function wideRights({ connection }: Session): Promise<string[]> {
  const rows = await ask(connection, 'SHOW GRANTS')
  const grants = rows.map(([grant]) => /^GRANT (.+?) ON \*\.\* TO (.*)/s.exec(String(grant)))
  const rights = grants.flatMap((grant) => grant?.[1]?.split(', ') ?? [])
  const mayGrant = grants.some((grant) => grant?.[2]?.includes('WITH GRANT OPTION'))
  return [...WIDE.filter((right) => rights.includes(right)), ...(mayGrant ? ['GRANT OPTION'] : [])]
}
