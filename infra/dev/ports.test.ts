import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { isFree, rememberPort, requireFree, storePort } from './ports.ts'

let folder: string
let server: Server
let taken: number

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ports-test-'))
  server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  taken = (server.address() as AddressInfo).port
})
afterEach(() => {
  server.close()
  rmSync(folder, { recursive: true, force: true })
})

test("a store's port moves by itself when the usual one is taken", async () => {
  const port = await storePort(folder, 'redis', taken)
  expect(port).not.toBe(taken)
  expect(await isFree(port)).toBe(true)
})

test('a store keeps the port it had, as long as that is free', async () => {
  const before = await storePort(folder, 'redis', taken)
  rememberPort(folder, 'redis', before)
  expect(await storePort(folder, 'redis', taken)).toBe(before)
  rememberPort(folder, 'redis', taken)
  expect(await storePort(folder, 'redis', before)).toBe(before)
})

test('a file of ports that a crash cut off is begun anew', async () => {
  writeFileSync(join(folder, 'ports.json'), '{"redis":')
  expect(await storePort(folder, 'redis', taken)).toBeGreaterThan(0)
})

test("a product's taken port is an error that names the port and the variable that moves it; a free one is none", async () => {
  const wanted = { name: 'the API', port: taken, variable: 'API_PORT' }
  await expect(requireFree(wanted)).rejects.toThrow(
    new RegExp(`Port ${taken}, for the API, is taken.*API_PORT=\\d+ npm start`),
  )
  server.close()
  await once(server, 'close')
  await requireFree(wanted)
})
