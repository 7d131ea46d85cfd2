import { once } from 'node:events'
import { connect } from 'node:net'

/** Connects, says `greeting`, and resolves with the first bytes of the answer that satisfy `enough`. */
export async function ask(
  port: number,
  greeting: string,
  enough: (answer: string) => boolean,
): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' })
  try {
    socket.setTimeout(2000, () => socket.destroy(new Error(`port ${port} does not answer`)))
    await once(socket, 'connect')
    socket.write(greeting)
    let answer = ''
    for await (const chunk of socket) {
      answer += (chunk as Buffer).toString('latin1')
      if (enough(answer)) return answer
    }
    throw new Error(`port ${port} closed the connection after "${answer}"`)
  } finally {
    socket.destroy()
  }
}
