// `mcpshield down`: stops the product that `up` started, and nothing else.
import { setTimeout as sleep } from 'node:timers/promises'
import { jsonText } from '../answers.ts'
import { processBirth } from '../process-birth.ts'
import { printable } from '../printable.ts'
import { readUpRecord, removeUpRecord } from '../up-record.ts'
import { CommandError, DONE, NEGATIVE, write, type World } from '../world.ts'

/** Stores write what they have in memory. */
const WITHIN_MS = 60_000
const LOOK_AGAIN_MS = 100

export async function down(world: World, options: { json?: boolean }): Promise<number> {
  const record = await readUpRecord(world)
  if (record === undefined) throw new CommandError('it does not run, as far as up knows', NEGATIVE)
  if (processBirth(record.pid) !== record.born) {
    await removeUpRecord(world)
    throw new CommandError('it does not run: it ended by itself', NEGATIVE)
  }
  process.kill(record.pid, 'SIGTERM')
  const untilMs = performance.now() + WITHIN_MS
  while (processBirth(record.pid) === record.born) {
    if (performance.now() > untilMs)
      throw new CommandError(
        `it has not stopped after ${WITHIN_MS / 1_000} s: look at ${record.log}`,
        NEGATIVE,
      )
    await sleep(LOOK_AGAIN_MS)
  }
  await removeUpRecord(world)
  const said = `Stopped what ran from ${printable(record.folder)}. Its data stays.\n`
  await write(world.stdout, options.json ? jsonText({ stopped: true, folder: record.folder }) : said)
  return DONE
}
