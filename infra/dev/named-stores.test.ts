import { createServer, type AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { checkNamedStores } from './named-stores.ts'

test('a store that answers, or is not named, is no problem', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await expect(checkNamedStores({ REDIS_URL: `redis://127.0.0.1:${port}/0` })).resolves.toBeUndefined()
  await expect(checkNamedStores({ REDIS_URL: '' })).resolves.toBeUndefined()
  server.close()
})

test('one that does not answer is named with its variable and address', async () => {
  await expect(checkNamedStores({ DATABASE_URL: 'postgres://x:y@127.0.0.1:9/z' })).rejects.toThrow(
    /DATABASE_URL names 127\.0\.0\.1:9, but nothing answers there \(ECONNREFUSED\)/,
  )
  await expect(checkNamedStores({ SMTP_URL: 'smtp://127.0.0.1:9' })).rejects.toThrow(
    /SMTP_URL names 127\.0\.0\.1:9, but nothing answers there/,
  )
  await expect(checkNamedStores({ NATS_URL: 'not a url' })).rejects.toThrow('NATS_URL is not a URL')
})

test('the password of a URL is not repeated', async () => {
  const error = await checkNamedStores({ DATABASE_URL: 'postgres://x:secret@127.0.0.1:9/z' }).catch(
    (each: Error) => each,
  )
  expect(String(error)).not.toContain('secret')
})
