// The policy engine off the page's thread: checking 10,000 rules must not hold up a key stroke.
import { QUESTIONS, type Question } from './questions.ts'

type Message = { id: number; question: Question; input: never }

self.addEventListener('message', ({ data }: MessageEvent<Message>) => {
  const { id, question, input } = data
  try {
    self.postMessage({ id, answer: QUESTIONS[question](input) })
  } catch (error) {
    self.postMessage({ id, fault: error instanceof Error ? error.message : String(error) })
  }
})
