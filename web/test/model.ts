// A model for the assistant, where the product looks for one: the tests' own server that speaks Ollama's API.
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { startOllamaServer, type OllamaServer } from '@mcpshield/testkit/ollama-server'
import { world } from './browser.ts'

/** Until it is disposed of; before and after that nobody answers there. */
export async function startModel(): Promise<OllamaServer> {
  const model = await startOllamaServer()
  // The server chooses its port itself, and the product was told another.
  const door = createServer((asked, answer) => {
    const passed = request(model.url + (asked.url ?? ''), { method: asked.method, headers: asked.headers })
    passed.on('response', (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers)
      response.pipe(answer)
    })
    passed.on('error', () => answer.destroy())
    answer.on('close', () => passed.destroy())
    asked.pipe(passed)
  })
  door.listen(Number(new URL(world().model).port), '127.0.0.1')
  await once(door, 'listening')
  return Object.assign(model, {
    async [Symbol.asyncDispose]() {
      door.closeAllConnections()
      door.close()
      await once(door, 'close')
    },
  })
}
