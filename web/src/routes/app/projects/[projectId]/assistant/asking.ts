// What can be asked of the assistant, and how the API takes it.
import type { AiJob } from '@mcpshield/contracts/ai'
import type { Asked } from './run.svelte.ts'

export const JOBS: Record<AiJob, { label: string; placeholder: string; hint: string }> = {
  policies: {
    label: 'Draft a policy',
    placeholder: 'Let agents read the orders, and nothing else. Writes wait for a person.',
    hint: 'It proposes; you decide what is saved.',
  },
  analyze: {
    label: 'Find weaknesses',
    placeholder: '',
    hint: 'Found by rules first; a model adds words.',
  },
  advise: {
    label: 'Ask for advice',
    placeholder: 'How do I connect a replica for reading only?',
    hint: 'About connecting and protecting systems.',
  },
}

export const DIALECTS = [
  { value: 'postgresql', label: 'A PostgreSQL query' },
  { value: 'mysql', label: 'A MySQL query' },
  { value: 'sqlite', label: 'A SQLite query' },
  { value: 'mongodb', label: 'A MongoDB command, as JSON' },
  { value: 'redis', label: 'A Redis command, as JSON' },
] as const
export type About = 'policy' | (typeof DIALECTS)[number]['value']

type Question = {
  job: AiJob
  about: About
  text: string
  source: 'auto' | 'template'
  conversationId: string | undefined
}

export function askedOf({ job, about, text, source, conversationId }: Question): Asked {
  const prompt = text.trim()
  if (job === 'policies')
    return {
      job,
      prompt,
      body: {
        prompt,
        source,
        ...(conversationId === undefined ? {} : { conversation_id: conversationId }),
      },
    }
  if (job === 'advise') return { job, prompt, body: { question: prompt, source } }
  return about === 'policy'
    ? { job, prompt: 'Where is the policy in force weak?', body: { source } }
    : { job, prompt, body: { source, query: { dialect: about, text } } }
}
