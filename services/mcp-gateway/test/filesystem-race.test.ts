// While calls run, a thread puts links in the place of a folder and of a file, and moves the folder out and back, as
// fast as it can. Longer than in every run: MCPSHIELD_RACE_TRIES=100000.
import { mkdirSync, readFileSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Connector, Grant } from '../src/connectors/connector.ts'
import { BY_DESCRIPTOR } from '../src/connectors/filesystem-open.ts'
import { filesystemConnector } from '../src/connectors/filesystem.ts'
import { makeTree, type MadeTree } from './filesystem-tree.ts'
import { makeGrant } from './grant.ts'

const TRIES = Number(process.env.MCPSHIELD_RACE_TRIES ?? 2_500)
const AT_ONCE = 8
/** Tries altogether, at the pace of a machine that has other things to do. */
const TIMEOUT_MS = 30_000 + TRIES * 20

let tree: MadeTree
let swapper: Worker
beforeAll(() => {
  tree = makeTree()
  mkdirSync(join(tree.root, 'work'))
  mkdirSync(join(tree.base, 'elsewhere'))
  writeFileSync(join(tree.root, 'work/f.txt'), 'inside')
  writeFileSync(join(tree.root, 'swapped.txt'), 'inside')
  // It holds what is outside by right.
  unlinkSync(join(tree.root, 'hardlink_out'))
  swapper = new Worker(new URL('./filesystem-swapper.ts', import.meta.url), {
    workerData: { root: tree.root, base: tree.base },
  })
})
afterAll(async () => {
  await swapper.terminate()
  tree[Symbol.dispose]()
})

const calls = (connector: Connector, number: number): Promise<unknown> => {
  const folder = join(tree.root, 'work')
  const file = number % 3 === 0 ? join(tree.root, 'swapped.txt') : join(folder, 'f.txt')
  const grant = (path: string) =>
    makeGrant({
      paths: [path],
      alsoAllows: (touched) =>
        'paths' in touched && touched.paths.every((each) => each.startsWith(tree.root)),
    })
  switch (number % 8) {
    case 0:
      return connector.run('filesystem.list', { path: folder, depth: 3 }, grant(folder))
    case 1:
      return connector.run('filesystem.search', { path: tree.root, text: 'outside' }, grant(tree.root))
    case 2:
      return connector.run(
        'filesystem.write',
        { path: file, content: 'inside', mode: 'replace' },
        grant(file),
      )
    case 3:
      return create(connector, join(folder, `new-${number % 64}.txt`), grant)
    default:
      return connector.run('filesystem.read', { path: file }, grant(file))
  }
}

/** Makes a file and removes it again, so that the folder stays small. */
async function create(connector: Connector, path: string, grant: (path: string) => Grant): Promise<unknown> {
  const answer = await connector.run('filesystem.write', { path, content: 'inside' }, grant(path))
  rmSync(path, { force: true })
  return answer
}

// By name, as on systems without /proc, a swap is made unlikely and not impossible: the README says so.
test(
  'names lead out of the root never, whatever is swapped meanwhile',
  async () => {
    const connector = filesystemConnector(
      { name: 'test', kind: 'files', url: null, path: tree.root, options: {} },
      BY_DESCRIPTOR,
    )
    let done = 0
    let worked = 0
    const escaped: string[] = []
    const run = async () => {
      while (done < TRIES) {
        const answer = await calls(connector, done++).catch(() => undefined)
        if (answer === undefined) continue
        worked++
        const told = JSON.stringify(answer).replaceAll(tree.base, '')
        if (/outside|secret|hidden-out/.test(told)) escaped.push(told)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, run))
    expect(escaped).toEqual([])
    // Calls must have worked and failed, or the test has shown nothing.
    expect(worked).toBeGreaterThan(TRIES / 50)
    expect(worked).toBeLessThan(TRIES)
    const secret = join(tree.base, 'secret')
    expect(readFileSync(join(secret, 's.txt'), 'utf8')).toBe('outside\n')
    expect(readdirSync(secret).toSorted()).toEqual(['f.txt', 'hidden-out.txt', 's.txt'])
  },
  TIMEOUT_MS,
)
