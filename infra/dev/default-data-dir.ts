// Where a local installation keeps its data unless MCPSHIELD_DATA_DIR says otherwise: in the project.
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

const OTHERS_MAY_ENTER = 0o001
const SYSTEM_FOLDER = '/var/lib/mcpshield'

/**
 * `.mcpshield` in the project; for root in a project that only root may enter, a folder of its own below
 * /var/lib/mcpshield. PostgreSQL does not run as root, and all data is to lie in one folder.
 */
export function defaultDataDir(project: string, uid = process.getuid?.()): string {
  if (uid !== 0 || othersMayEnter(resolve(project))) return join(project, '.mcpshield')
  const name = createHash('sha256').update(resolve(project)).digest('hex').slice(0, 12)
  return join(SYSTEM_FOLDER, name)
}

function othersMayEnter(folder: string): boolean {
  const { mode } = statSync(folder)
  if ((mode & OTHERS_MAY_ENTER) === 0) return false
  const parent = dirname(folder)
  return parent === folder || othersMayEnter(parent)
}
