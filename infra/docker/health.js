// Asks the process of this container how it is, at the port that only its operators see. Exit code 0: it does its work.
import { get } from 'node:http'

const WITHIN_MS = 4_000

const request = get(
  { host: '127.0.0.1', port: process.env.METRICS_PORT, path: '/health', timeout: WITHIN_MS },
  (response) => {
    process.exitCode = response.statusCode === 200 ? 0 : 1
    response.resume()
  },
)
request.on('timeout', () => request.destroy(new Error(`no answer in ${WITHIN_MS} ms`)))
request.on('error', (error) => {
  console.error(error.message)
  process.exitCode = 1
})
