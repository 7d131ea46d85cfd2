// Whole files that a command is told about, up to a size.
import { isUtf8 } from 'node:buffer'
import { input } from './json-lines.ts'
import { CommandError, type World } from './world.ts'

/** The text of a file, or of standard input for `-`. What is beyond `maxBytes` is not read. */
export async function readText(world: World, file: string, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of input(world, file)) {
    chunks.push(chunk)
    length += chunk.length
    if (length > maxBytes) break
  }
  const bytes = Buffer.concat(chunks)
  if (length <= maxBytes && !isUtf8(bytes)) throw new CommandError(`${file} is not UTF-8`)
  return bytes.toString('utf8')
}
