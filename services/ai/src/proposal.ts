// A proposal, whoever made it: changes to a policy, and calls that show what is meant. Read strictly: what the language does not
// have is left for its own check to refuse, what no proposal has is nonsense.
import { parseStrictJson } from '@mcpshield/facts/json'
import { z } from 'zod'

const Words = z.enum(['allow', 'deny', 'ask'])

export const Proposal = z.object({
  reply: z.string().max(4_000).catch(''),
  default: z.enum(['deny', 'allow']).optional().catch(undefined),
  /** Ids of rules that go. */
  remove: z.array(z.string().max(200)).max(100).catch([]),
  /** A rule of an id that is there takes its place; others are added. The language checks what is in them. */
  rules: z.array(z.looseObject({ id: z.string().min(1).max(64) })).max(100),
  tests: z
    .array(
      z.object({
        name: z.string().min(1).max(200),
        tool: z.string().min(1).max(200),
        arguments: z.record(z.string(), z.json()),
        expect: Words,
        context: z.record(z.string(), z.json()).optional(),
      }),
    )
    .max(50)
    .catch([]),
})
export type Proposal = z.infer<typeof Proposal>

const LIMITS = { maxLength: 64 * 1024, maxDepth: 16 }

/** The proposal, or why the text is none, as the model is told. */
export function readProposal(text: string): { proposal: Proposal } | { problem: string } {
  const parsed = parseStrictJson(jsonIn(text), LIMITS)
  if ('error' in parsed)
    return { problem: `The answer is not the JSON object that was asked for: ${parsed.error}.` }
  const read = Proposal.safeParse(withoutNulls(parsed.value))
  if (read.success) return { proposal: read.data }
  const [issue] = read.error.issues
  return {
    problem: `The JSON object is not as asked for: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}.`,
  }
}

/** Models like to put JSON into a block of code, or a sentence before it. */
function jsonIn(text: string): string {
  const [start, end] = [text.indexOf('{'), text.lastIndexOf('}')]
  return start === -1 || end < start ? text : text.slice(start, end + 1)
}

/** A model that has to fill in what it does not mean writes null. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== null)
      .map(([name, each]) => [name, withoutNulls(each)]),
  )
}
