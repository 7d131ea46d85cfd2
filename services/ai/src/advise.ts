// Advice on connecting and protecting systems: the checklists of what is connected, and the model's words where there is one.
import { checklistsFor, inText, type System } from './advice.ts'
import { explained } from './analyze.ts'
import { fences } from './fences.ts'
import type { Knowledge } from './knowledge.ts'
import type { Model } from './model.ts'
import { adviceMessages } from './prompts.ts'
import type { Reporter, WorkEnd } from './runner.ts'

export type AdviseWork = {
  question: string
  infrastructure: readonly System[] | undefined
  knowledge: Knowledge
  model: Model | undefined
}

const SPOKEN: [RegExp, System][] = [
  [/postgres/i, 'postgresql'],
  [/mysql|mariadb/i, 'mysql'],
  [/sqlite/i, 'sqlite'],
  [/mongo/i, 'mongodb'],
  [/redis/i, 'redis'],
  [/\bfiles?\b|folder|director/i, 'files'],
  [/\bhttps?\b|\bapis?\b|web|network/i, 'http'],
]

export async function advised(work: AdviseWork, reporter: Reporter): Promise<WorkEnd> {
  const { question, knowledge, model } = work
  const checklists = checklistsFor(systemsOf(work))
  if (model === undefined) {
    reporter.text(
      'template',
      `No language model was used: these are the built-in checklists.\n\n${inText(checklists)}`,
    )
    return { useful: true, attempts: 1 }
  }
  await reporter.emit({ type: 'step', step: 'writing', attempt: 1 })
  const checklist = checklists.flatMap(({ points }) => points)
  const messages = adviceMessages({ question, checklist }, knowledge, fences(), model.contextTokens)
  const end = await explained(model, messages, reporter)
  const pages = [...new Set(checklists.flatMap((each) => each.pages))]
  reporter.text('template', `\n\nFrom our documents: ${pages.join(', ')}`)
  return end
}

/** What the question names, else what was said, else what the project has. */
function systemsOf({ question, infrastructure, knowledge }: AdviseWork): System[] {
  const spoken = SPOKEN.filter(([pattern]) => pattern.test(question)).map(([, system]) => system)
  if (spoken.length > 0) return spoken
  if (infrastructure !== undefined) return [...infrastructure]
  return [...knowledge.infrastructure, ...knowledge.systems.connections.map(({ kind }) => kind)]
}
