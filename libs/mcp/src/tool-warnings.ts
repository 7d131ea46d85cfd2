// What a person should look at before they trust a tool: pure, and only ever a warning. What is enforced is the policy.
import { hiddenInstructions } from './hidden-instructions.ts'
import { invisibleCharacters } from './invisible-characters.ts'
import { lookAlikeNames, type NamedTool } from './look-alike-names.ts'
import { toolTexts, type ToolText } from './tool-texts.ts'

export type ToolWarning = {
  code: 'hidden_instruction' | 'invisible_characters' | 'look_alike_name' | 'oversized_description'
  /** A sentence that says what was found and where. */
  message: string
}

const MAX_WARNINGS = 20
/** Longer than any description that explains a tool. */
const MAX_TEXT_UNITS = 8_000

/** Warnings of a definition, and of its name among the other tools of the project. */
export function toolWarnings(
  definition: unknown,
  tool: NamedTool,
  others: readonly NamedTool[] = [],
): ToolWarning[] {
  const found = new Map<string, ToolWarning>()
  const add = (code: ToolWarning['code'], message: string) => found.set(message, { code, message })
  for (const message of lookAlikeNames(tool, others)) add('look_alike_name', message)
  for (const { code, message } of toolTexts(definition).flatMap(warningsOfText)) add(code, message)
  return [...found.values()].slice(0, MAX_WARNINGS)
}

function warningsOfText({ place, text, isName }: ToolText): ToolWarning[] {
  const found: ToolWarning[] = []
  const sentence = `${place[0]?.toUpperCase() ?? ''}${place.slice(1)}`
  for (const what of invisibleCharacters(text))
    found.push({ code: 'invisible_characters', message: `${sentence} has ${what}.` })
  if (isName) return found
  for (const does of hiddenInstructions(text))
    found.push({ code: 'hidden_instruction', message: `${sentence} ${does}.` })
  if (text.length > MAX_TEXT_UNITS)
    found.push({
      code: 'oversized_description',
      message: `${sentence} is ${text.length} characters long: more than a description needs, and room to hide something in.`,
    })
  return found
}
