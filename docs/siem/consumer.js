// Reads an organisation's record from its durable consumer, and goes on where it was after any outage of either side.
//
//   npm install @nats-io/transport-node @nats-io/jetstream
//   node consumer.js siem.creds siem.json
//
// siem.creds: `creds` of the answer that made the credential. siem.json: its `connection`.
import { readFileSync } from 'node:fs'
import { connect, credsAuthenticator, wsconnect } from '@nats-io/transport-node'
import { jetstream } from '@nats-io/jetstream'

const [credsFile, connectionFile] = process.argv.slice(2)
const place = JSON.parse(readFileSync(connectionFile, 'utf8'))

// wss://… is NATS in a WebSocket, which Node has since version 22.
const open = place.url.startsWith('wss://') ? wsconnect : connect
const connection = await open({
  servers: place.url,
  authenticator: credsAuthenticator(readFileSync(credsFile)),
  // Answers come nowhere else: without it the server refuses the subscription for them.
  inboxPrefix: place.inbox_prefix,
  maxReconnectAttempts: -1,
  waitOnFirstConnect: true,
})

const consumer = await jetstream(connection).consumers.get(place.stream, place.durable)
for await (const message of await consumer.consume()) {
  // A message is a list of one or more events.
  for (const event of message.json()) await store(event)
  // Only now: what was not acknowledged comes again, so an event may come twice, and none is lost.
  message.ack()
}

/** Where events go is yours. `id` and `phase` together are one event, however often it comes. */
async function store({ id, phase, time, kind, decision, tool, rule, agent }) {
  console.log(JSON.stringify({ id, phase, time, kind, decision, tool, rule, agent }))
}
