import { format } from 'prettier'
import { beforeAll, describe, expect, test } from 'vitest'
import { drawFacts, prepareParsers } from '@mcpshield/facts/draw'
import { factsOf, SAMPLE_CALLS, SAMPLE_CONNECTIONS, type SampleCall } from './sample-calls.ts'

beforeAll(prepareParsers)

const draw = ({ tool, arguments: given }: SampleCall) =>
  drawFacts(
    { method: 'tools/call', tool, arguments: given },
    {
      connections: SAMPLE_CONNECTIONS,
      ...(tool.startsWith('github/') ? { server: 'github-mcp-server' } : {}),
    },
  )

describe('the calls of the simulation', () => {
  // `vitest run --project fast web -u` writes the file anew.
  test('touch what the engine’s parsers say', async () => {
    const facts = SAMPLE_CALLS.map((call) => {
      const { paths, urls, accesses } = draw(call)
      return [call.id, { paths, urls, accesses }]
    })
    const json = await format(JSON.stringify(Object.fromEntries(facts)), { parser: 'json', printWidth: 110 })
    await expect(json).toMatchFileSnapshot('./sample-facts.json')
  })

  test.for(SAMPLE_CALLS)('are handed to the engine as it would draw them: $id', (call) => {
    const { guessed: _, ...drawn } = draw(call)
    expect(factsOf(call)).toEqual(drawn)
  })
})
