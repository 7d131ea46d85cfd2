// A thread that moves a folder out of the root and back, with a link in its place meanwhile, and swaps a file for a
// link, until it is ended.
import { renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { workerData } from 'node:worker_threads'

const { root, base } = workerData as { root: string; base: string }
const [folder, away] = [join(root, 'work'), join(base, 'elsewhere/work')]
const [file, fileAway] = [join(root, 'swapped.txt'), join(root, 'kept.txt')]
const secret = join(base, 'secret')
for (const name of ['f.txt', 'hidden-out.txt']) writeFileSync(join(secret, name), 'outside\n')

const tried = (...steps: (() => void)[]) => {
  for (const step of steps)
    try {
      step()
    } catch {
      // A call has put a file in the way; the next round meets another state.
    }
}

for (;;) {
  tried(
    () => renameSync(folder, away),
    () => symlinkSync(secret, folder),
    () => unlinkSync(folder),
    () => renameSync(away, folder),
    () => renameSync(file, fileAway),
    () => symlinkSync(join(secret, 'f.txt'), file),
    () => unlinkSync(file),
    () => renameSync(fileAway, file),
  )
}
