// What this instance does for the others: a client's next message comes to any of them, what it belongs to lives in one.
import type { PeerHandlers } from '@mcpshield/bus/peers'
import type { Questions } from './questions.ts'
import { replayHere } from './replays.ts'
import type { Sessions } from './session.ts'
import type { Streams } from './streams.ts'

export type PeerDeps = { questions: Questions; streams: Streams; sessions: Sessions }

export function peerHandlers({ questions, streams, sessions }: PeerDeps): PeerHandlers {
  return {
    ask: {
      async answer({ session, id, answer }) {
        return { known: questions.answer(session, id, answer) }
      },
      replay: (input) => replayHere(streams, input),
    },
    tell: {
      event: ({ session, message }) => sessions.known(session)?.deliver(JSON.stringify(message)),
      cancel: ({ session, id }) => sessions.known(session)?.running.get(id)?.(),
      session: ({ session, ended }) => (ended ? sessions.ended(session) : sessions.changed(session)),
    },
  }
}
