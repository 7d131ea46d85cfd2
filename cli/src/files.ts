// Whole files that a command is told about, up to a size.
import { isUtf8 } from 'node:buffer'
import { input } from './json-lines.ts'
import { CommandError, type World } from './world.ts'

/** The text of a file, or of standard input for `-`. A larger one is refused. */
export async function readText(world: World, file: string, maxBytes: number): Promise<string> {
  const { text, isWhole } = await readBeginning(world, file, maxBytes)
  if (!isWhole) throw new CommandError(`${file} is larger than ${maxBytes} bytes`)
  return text
}

/** As much of a text as `maxBytes` and the piece they end in hold. */
export async function readBeginning(
  world: World,
  file: string,
  maxBytes: number,
): Promise<{ text: string; isWhole: boolean }> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of input(world, file)) {
    chunks.push(chunk)
    length += chunk.length
    if (length > maxBytes) break
  }
  const bytes = Buffer.concat(chunks)
  const isWhole = length <= maxBytes
  if (isWhole && !isUtf8(bytes)) throw new CommandError(`${file} is not UTF-8`)
  return { text: bytes.toString('utf8'), isWhole }
}
