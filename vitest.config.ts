import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

// fast: no servers. real: the real NATS, PostgreSQL, Redis and ClickHouse (one set for the whole run).
// stack: the whole product, driven by a real MCP client. browser: the dashboard, in a real browser.
export default defineConfig({
  test: {
    // Vitest leaves a core free by itself; on two cores that would be half of them, and most tests wait for something.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    projects: [
      {
        test: {
          name: 'fast',
          include: [
            'libs/**/*.test.ts',
            'services/**/*.test.ts',
            'cli/**/*.test.ts',
            'infra/**/*.test.ts',
            'tests/*.test.ts',
            'tests/mcp/*.test.ts',
            'tests/conformance/*.test.ts',
            'tests/faults/*.test.ts',
            'bench/**/*.test.ts',
            'web/src/**/*.test.ts',
          ],
          exclude: ['**/node_modules/**', '**/*.it.test.ts'],
        },
      },
      {
        test: {
          name: 'real',
          include: [
            'libs/**/*.it.test.ts',
            'services/**/*.it.test.ts',
            'cli/**/*.it.test.ts',
            'infra/**/*.it.test.ts',
            'web/test/*.it.test.ts',
          ],
          exclude: ['**/node_modules/**'],
          globalSetup: ['./libs/testkit/src/backing.ts'],
          // What has no deadline of its own is waited for as long as a loaded machine needs.
          expect: { poll: { timeout: 15_000 } },
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'stack',
          include: ['tests/e2e/*.e2e.test.ts'],
          expect: { poll: { timeout: 15_000 } },
          testTimeout: 120_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'browser',
          include: ['web/test/*.browser.test.ts'],
          globalSetup: ['./web/test/world.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
