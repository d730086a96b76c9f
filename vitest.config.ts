import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { TEST_CACHE } from './src/demo/test-cache.ts'
import { POSTGRES_VERSIONS, postgresInstallation } from './test/helpers/postgres-version.ts'
import { COMPILED } from './test/helpers/compiled.ts'
import { compiledSources } from './test/helpers/compiled-sources.ts'
import { LongestFirst } from './test/helpers/longest-first.ts'
import { REPLACES_MODULES } from './test/helpers/replaces-modules.ts'
import { HOOK_TIMEOUT, TEST_TIMEOUT } from './test/helpers/timeouts.ts'

/** Run once for each version of PostgreSQL. */
const TABLES = [
  'test/integration/evasions.test.ts',
  'test/integration/leaks.test.ts',
  'test/integration/extensions.test.ts',
]

/** What starts servers, browsers or our own programs, or counts what much of something costs: `npm run check` leaves it out. */
const SYSTEM = [
  'test/{integration,demo,fuzz}/**/*.test.ts',
  'test/cli/*.test.ts',
  'test/docs.test.ts',
  'test/package.test.ts',
  'test/protocols/postgres/catalog/hostile-catalog.test.ts',
  'test/protocols/postgres/gateway/login/upstream-login.test.ts',
  'test/host/output/stream-masking-cost.test.ts',
  'test/recording/versitygw.test.ts',
  'test/storage/storage.test.ts',
]

/** To load all modules again for each file takes a twentieth of the time. */
const SHARED = {
  globalSetup: ['./test/helpers/fresh-build.ts'],
  isolate: false,
  setupFiles: ['./test/helpers/leave-nothing-behind.ts'],
}

/** `PAMCTL_TEST_POSTGRES=14,18` chooses versions. */
const versions = process.env['PAMCTL_TEST_POSTGRES']?.split(',').map(Number) ?? POSTGRES_VERSIONS

export default defineConfig({
  test: {
    globalSetup: ['./test/helpers/files-in-memory.ts'],
    // What initdb makes takes half a second: it is made once for each version, and copied.
    env: { PAMCTL_DEMO_POSTGRES_DATA: process.env['PAMCTL_DEMO_POSTGRES_DATA'] ?? join(TEST_CACHE, 'postgres-data') },
    testTimeout: TEST_TIMEOUT,
    hookTimeout: HOOK_TIMEOUT,
    expect: { poll: { timeout: TEST_TIMEOUT - 1000 } },
    // On two cores: a quarter of the time of a test goes by in waiting for other processes.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    // What TypeScript was made into, kept in node_modules between runs.
    experimental: { fsModuleCache: true },
    reporters: ['default', './test/helpers/skip-reporter.ts'],
    projects: [
      {
        extends: true,
        plugins: [compiledSources(COMPILED)],
        test: {
          name: 'unit',
          server: { deps: { external: [new RegExp(`/${COMPILED}/`)] } },
          globalSetup: ['./test/helpers/compiled.ts'],
          include: ['test/**/*.test.ts'],
          exclude: [...SYSTEM, ...REPLACES_MODULES],
          // To load all modules again for each file takes half as long as the tests.
          isolate: false,
          setupFiles: ['./test/helpers/leave-nothing.ts'],
        },
      },
      { extends: true, test: { name: 'unit, isolated', include: REPLACES_MODULES } },
      {
        extends: true,
        test: { name: 'system', include: SYSTEM, exclude: TABLES, ...SHARED },
      },
      ...versions.map((version) => ({
        extends: true as const,
        test: {
          name: `PostgreSQL ${version}`,
          include: TABLES,
          ...SHARED,
          env: {
            PAMCTL_TEST_POSTGRES_VERSION: String(version),
            PAMCTL_DEMO_POSTGRES: postgresInstallation(version) ?? '',
          },
        },
      })),
    ],
  },
})
