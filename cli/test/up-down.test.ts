import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { processBirth } from '../src/process-birth.ts'
import { folder } from './command.ts'
import { ran } from './in-process.ts'

vi.setConfig({ testTimeout: 20_000 })

const READY = `console.log('ready ' + JSON.stringify({ api: 'http://localhost:1', mcp: 'http://localhost:2/mcp', demo: { email: 'demo@example.com', password: 's3cret' } }))`
const STAYS = `process.on('SIGTERM', () => process.exit(0)); setInterval(() => undefined, 1000)`

/** A folder that looks like a clone, whose product does this. */
function clone(product: string) {
  const files = folder()
  const root = files.path('clone')
  mkdirSync(join(root, 'infra/dev'), { recursive: true })
  mkdirSync(join(root, 'node_modules'))
  writeFileSync(join(root, 'package.json'), '{"name":"mcpshield","type":"module"}')
  writeFileSync(join(root, 'infra/dev/start.js'), product)
  const env = {
    XDG_STATE_HOME: files.path('state'),
    PATH: process.env['PATH'] ?? '',
    MCPSHIELD_API_KEY: 'mcps_x',
  }
  const run = (...args: string[]) => ran(args, { env })
  const recordPath = join(env.XDG_STATE_HOME, 'mcpshield/up/running.json')
  onTestFinished(async () => {
    await run('down')
    files[Symbol.dispose]()
  })
  return {
    root,
    run,
    log: join(env.XDG_STATE_HOME, 'mcpshield/up/product.log'),
    recordPath,
    record: () => JSON.parse(readFileSync(recordPath, 'utf8')) as { pid: number; born: string },
  }
}

describe('up', () => {
  test('starts the product, says where it is and nothing secret, and down stops it', async () => {
    const { root, run, log, record } = clone(`${STAYS}; console.log(process.env.MCPSHIELD_API_KEY); ${READY}`)
    const started = await run('up', root)
    expect(started).toMatchObject({ code: 0, stdout: expect.stringContaining('http://localhost:2/mcp') })
    expect(started.stdout).not.toContain('s3cret')
    expect(statSync(log).mode & 0o777).toBe(0o600)
    // Keys of this command's are none of the product's business.
    expect(readFileSync(log, 'utf8')).toMatch(/^undefined\nready /)
    const { pid, born } = record()
    expect(processBirth(pid)).toBe(born)

    expect(await run('up', root, '--json')).toMatchObject({ code: 0, lines: [{ api: 'http://localhost:1' }] })
    expect(record().pid).toBe(pid)

    expect(await run('down')).toMatchObject({ code: 0 })
    expect(processBirth(pid)).toBe(undefined)
    expect(await run('down')).toMatchObject({ code: 1 })
  })

  test('that ends before it is up shows the end of its log, and is 1', async () => {
    const { root, run } = clone(`console.error('port 8000 is taken'); process.exit(1)`)
    expect(await run('up', root)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('port 8000 is taken'),
    })
    expect(await run('down')).toMatchObject({ code: 1 })
  })

  test('does not wait for ever, and what it started can be stopped all the same', async () => {
    const { root, run, record } = clone(STAYS)
    expect(await run('up', root, '--wait', '1')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('mcpshield down'),
    })
    const { pid } = record()
    expect(await run('down')).toMatchObject({ code: 0 })
    expect(processBirth(pid)).toBe(undefined)
  })

  test('says honestly where there is no clone, or nothing installed', async () => {
    const { root, run } = clone(STAYS)
    expect(await run('up', join(root, '..'))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('clone'),
    })
    writeFileSync(join(root, 'package.json'), '{"name":"other"}')
    expect(await run('up', root)).toMatchObject({ code: 2 })
  })
})

describe('down', () => {
  test('never signals a process that has the number by now', async () => {
    const { run, recordPath, root } = clone(STAYS)
    mkdirSync(join(recordPath, '..'), { recursive: true })
    const other = { pid: process.pid, born: 'another time', folder: root, log: 'x', ready: null }
    writeFileSync(recordPath, JSON.stringify(other))
    const stopped = vi.fn()
    process.once('SIGTERM', stopped)
    onTestFinished(() => void process.off('SIGTERM', stopped))
    expect(await run('down')).toMatchObject({ code: 1, stderr: expect.stringContaining('ended by itself') })
    expect(stopped).not.toHaveBeenCalled()
  })
})
