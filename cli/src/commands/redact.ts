// `mcpshield redact [--detectors a,b] [in.jsonl]`
import { DETECTORS, isDetectorName } from '@mcpshield/redact/find'
import { redactText } from '@mcpshield/redact/redact-text'
import { answerLines, LineError } from '../json-lines.ts'
import { CommandError, DONE, type World } from '../world.ts'

export type RedactOptions = { detectors?: string[] }

/** Redacts the text of every line; findings have the offsets of the text as it came. */
export async function redact(
  world: World,
  file: string | undefined,
  { detectors = [...DETECTORS] }: RedactOptions,
): Promise<number> {
  const unknown = detectors.find((name) => !isDetectorName(name))
  if (unknown !== undefined || detectors.length === 0)
    throw new CommandError(
      `there is no detector ${JSON.stringify(unknown ?? '')}; known are: ${DETECTORS.join(', ')}`,
    )
  const redactions = detectors.map((detector) => ({ detector }))
  await answerLines(world, file, ({ text }) => {
    if (typeof text !== 'string') throw new LineError('text must be a string')
    return redactText(text, redactions, noHash)
  })
  return DONE
}

// What is found is masked, never hashed: there is no key here that anyone could compare by.
const noHash = () => ''
