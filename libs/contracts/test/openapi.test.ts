import { expect, test } from 'vitest'
import { openApiDocument } from '../src/openapi.ts'
import { contracts } from '../src/surface.ts'

const defs = contracts.flatMap((contract) => Object.values(contract.rpc))
const document = openApiDocument(defs, { version: '0.0.0', url: 'http://localhost:8000' })

test('the REST API, as a document', async () => {
  await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot('../golden/openapi.json')
})

test('every path parameter is a field of its endpoint’s input, and no internal endpoint has a route', () => {
  for (const def of defs) {
    if (def.access === 'internal') expect(def.http).toBeUndefined()
    const properties = Object.keys((def.input as unknown as { shape: object }).shape)
    for (const [, name] of def.http?.path.matchAll(/\{([^}]+)\}/g) ?? []) expect(properties).toContain(name)
    for (const name of Object.values(def.http?.headers ?? {})) expect(properties).toContain(name)
  }
})

test('no two endpoints share a method and path', () => {
  const routes = defs.flatMap(({ http }) => (http === undefined ? [] : [`${http.method} ${http.path}`]))
  expect(new Set(routes).size).toBe(routes.length)
})

test('every reference leads to something in the document', () => {
  const text = JSON.stringify(document)
  const names = Object.keys((document.components as { schemas: object }).schemas)
  const references = new Set([...text.matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]))
  expect([...references].sort()).toEqual(names.map((name) => `#/components/schemas/${name}`).sort())
})
