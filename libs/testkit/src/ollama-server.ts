// A server that speaks Ollama's API over HTTP, and misbehaves in every way that one can.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export type ChatRequest = {
  model: string
  stream: boolean
  format?: object
  messages: { role: string; content: string }[]
  options: Record<string, number>
}

/** What becomes of one chat; the connection's own `close` ends it early. */
export type Behaviour = (response: ServerResponse, asked: ChatRequest) => Promise<void> | void

export type OllamaServer = AsyncDisposable & {
  url: string
  asked: ChatRequest[]
  /** Chats whose client went away before the end. */
  left(): number
  models: string[]
  /** The next chats, one after the other; the last one stays. */
  behave(...behaviours: Behaviour[]): void
}

export async function startOllamaServer(models: string[] = ['phi3:mini']): Promise<OllamaServer> {
  let next: Behaviour[] = [says('{}')]
  let leaving = 0
  const asked: ChatRequest[] = []
  const state = { models }
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy())
  })
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    if (request.url === '/api/tags') {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ models: state.models.map((name) => ({ name, model: name })) }))
      return
    }
    const chat = JSON.parse(await textOf(request)) as ChatRequest
    asked.push(chat)
    if (!state.models.includes(chat.model))
      return refuses(404, `model "${chat.model}" not found`)(response, chat)
    response.on('close', () => (response.writableFinished ? undefined : leaving++))
    const behaviour = next.length > 1 ? next.shift() : next[0]
    await behaviour?.(response, chat)
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    left: () => leaving,
    get models() {
      return state.models
    },
    set models(names) {
      state.models = names
    },
    behave: (...behaviours) => void (next = behaviours),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) text += String(chunk)
  return text
}

const line = (value: object) => `${JSON.stringify(value)}\n`
const part = (content: string) =>
  line({
    model: 'phi3:mini',
    created_at: new Date().toISOString(),
    message: { role: 'assistant', content },
    done: false,
  })
const last = (more: object = {}) =>
  line({
    model: 'phi3:mini',
    created_at: new Date().toISOString(),
    message: { role: 'assistant', content: '' },
    done: true,
    done_reason: 'stop',
    prompt_eval_count: 321,
    eval_count: 45,
    ...more,
  })

function begin(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
}

/** Streams the text in small pieces, as a model does. */
export function says(text: string | object, more: object = {}): Behaviour {
  const whole = typeof text === 'string' ? text : JSON.stringify(text)
  return (response) => {
    begin(response)
    for (let at = 0; at < whole.length; at += 17) response.write(part(whole.slice(at, at + 17)))
    response.end(last(more))
  }
}

export function refuses(status: number, error: string, type = 'application/json'): Behaviour {
  return (response) => {
    response.writeHead(status, { 'content-type': type })
    response.end(type === 'application/json' ? JSON.stringify({ error }) : error)
  }
}

/** Says nothing for so long, then what it was to say. */
export function waits(ms: number, then: Behaviour): Behaviour {
  return async (response, asked) => {
    await sleep(ms)
    await then(response, asked)
  }
}

/** Begins, and then says nothing more until its client goes away. */
export function hangs(text = 'Once'): Behaviour {
  return async (response) => {
    begin(response)
    response.write(part(text))
    await once(response, 'close')
  }
}

/** What is no line of JSON. */
export function babbles(text = 'this is not JSON\n'): Behaviour {
  return (response) => {
    begin(response)
    response.end(text)
  }
}

/** Breaks the connection in the middle of its answer. */
export function breaksOff(text = 'Once upon a'): Behaviour {
  return async (response) => {
    begin(response)
    response.write(part(text))
    await sleep(30)
    response.destroy()
  }
}

/** Ends politely without having said that it is done. */
export function endsEarly(text = 'Once upon a'): Behaviour {
  return (response) => {
    begin(response)
    response.end(part(text))
  }
}

/** Goes on for as long as anybody listens. */
export function neverEnds(text = 'and on '): Behaviour {
  return async (response) => {
    begin(response)
    let open = true
    response.on('close', () => (open = false))
    while (open) {
      if (!response.write(part(text.repeat(100))))
        await Promise.race([once(response, 'drain'), once(response, 'close')])
      await sleep(0)
    }
  }
}

/** One line without an end. */
export function hugeLine(): Behaviour {
  return async (response) => {
    begin(response)
    let open = true
    response.on('close', () => (open = false))
    response.write('{"message":{"role":"assistant","content":"')
    while (open) {
      if (!response.write('x'.repeat(65_536)))
        await Promise.race([once(response, 'drain'), once(response, 'close')])
      await sleep(0)
    }
  }
}

/** An error in the middle of the stream, as Ollama tells one. */
export function failsInside(error: string): Behaviour {
  return (response) => {
    begin(response)
    response.write(part('Once'))
    response.end(line({ error }))
  }
}

/** Wants tools to be called, beside what it says. */
export function callsTools(text: string | object): Behaviour {
  const content = typeof text === 'string' ? text : JSON.stringify(text)
  return (response) => {
    begin(response)
    response.write(
      line({
        message: {
          role: 'assistant',
          content,
          tool_calls: [{ function: { name: 'save_policy', arguments: { policy_yaml: 'default: allow' } } }],
        },
        done: false,
      }),
    )
    response.end(last())
  }
}
