// Everything: the build, what statements cost (measured while nothing else runs), and all tests. Types, lint and format take what the
// tests, which wait for servers now and then, leave of the processors.
import { setPriority } from 'node:os'
import { GO_ENVIRONMENT as env, run } from './jobs.js'

const first =
  (await run('build', 'npm run --silent build')) && (await run('costs', 'node bench/main.js filters sql --quick'))
if (!first) process.exit(1)

const LOWEST = 19
const tests = run('tests', 'vitest run')
// What is started from here on is of as low a priority as this process.
setPriority(LOWEST)
const results = await Promise.all([
  tests,
  run('types', 'npm run --silent typecheck', { quiet: true, env }),
  run('lint', 'npm run --silent lint', { quiet: true, env }),
])
process.exitCode = results.every(Boolean) ? 0 : 1
