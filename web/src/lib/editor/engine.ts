// The policy engine, asked from a page: the same functions that decide at the gateway, in a worker of this page.
import type { Answer, Asked, Question } from './questions.ts'

type Waiting = { resolve: (answer: never) => void; reject: (error: Error) => void }

let worker: Worker | undefined
let lastId = 0
const waiting = new Map<number, Waiting>()

/** Rejects where the engine itself fails; a text that is wrong is an answer. */
export function ask<Name extends Question>(question: Name, input: Asked<Name>): Promise<Answer<Name>> {
  worker ??= start()
  const id = ++lastId
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject })
    worker?.postMessage({ id, question, input })
  })
}

function start(): Worker {
  const started = new Worker(new URL('./engine.worker.ts', import.meta.url), { type: 'module' })
  started.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
    const asked = waiting.get(data.id)
    waiting.delete(data.id)
    if ('fault' in data) asked?.reject(new Error(data.fault))
    else asked?.resolve(data.answer)
  })
  started.addEventListener('error', () => {
    for (const { reject } of waiting.values()) reject(new Error('The policy engine could not be loaded.'))
    waiting.clear()
    worker = undefined
  })
  return started
}

type Reply = { id: number; answer: never } | { id: number; fault: string }
