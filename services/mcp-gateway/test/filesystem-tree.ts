// A folder to be used by an agent, and what lies around it that must stay out of reach.
import { execFileSync } from 'node:child_process'
import { linkSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export type MadeTree = Disposable & { base: string; root: string }

const FILES: Record<string, string> = {
  'safe/a.txt': 'inside a\n',
  'safe/.env': 'dotted\n',
  'safe/sub/b.txt': 'inside b\nsecond line\n',
  'safe/sub/deep/c.txt': 'inside c\n',
  'safe/ünï 日本.txt': 'grüße 日本\n',
  'safe/back\\slash.txt': 'inside\n',
  'safe/..hidden': 'inside\n',
  'safe/denied/d.txt': 'denied\n',
  'safe-evil/a.txt': 'outside\n',
  'secret/s.txt': 'outside\n',
}
const LINKS: Record<string, string> = {
  'safe/link_in': 'sub',
  'safe/link_file_in': 'sub/b.txt',
  'safe/link_out': '../secret',
  'safe/link_file_out': '../secret/s.txt',
  'safe/link_chain': 'link_out',
  'safe/link_up': '..',
  'safe/link_round': '../safe/a.txt',
  'safe/link_up_down': 'sub/../../safe/sub/b.txt',
  'safe/loop': 'loop',
  'safe/dangling_in': 'new_inside.txt',
  'safe/dangling_out': '../secret/new.txt',
  'safe/link_proc': '/proc/self/cwd',
  'safe/link_denied': 'denied/d.txt',
  'safe/sub/link_rest': '../denied',
  alias: 'safe',
}

export function makeTree(): MadeTree {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'mcpshield-files-')))
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(dirname(join(base, path)), { recursive: true })
    writeFileSync(join(base, path), text)
  }
  for (const [path, target] of Object.entries(LINKS)) symlinkSync(target, join(base, path))
  symlinkSync(join(base, 'safe/sub'), join(base, 'safe/link_abs_in'))
  symlinkSync(join(base, 'alias/sub'), join(base, 'safe/link_by_alias'))
  symlinkSync(join(base, 'secret'), join(base, 'safe/link_abs_out'))
  linkSync(join(base, 'secret/s.txt'), join(base, 'safe/hardlink_out'))
  execFileSync('mkfifo', [join(base, 'safe/fifo')])
  writeFileSync(join(base, 'safe/binary.bin'), Buffer.from([0xff, 0xfe, 0, 1, 2, 0x80]))
  return {
    base,
    root: join(base, 'safe'),
    [Symbol.dispose]: () => rmSync(base, { recursive: true, force: true }),
  }
}
