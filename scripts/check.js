// What to run before a commit: types, lint and format beside the tests that start no server. They wait for different things, so
// that together they take hardly longer than the tests alone.
import { availableParallelism } from 'node:os'
import { GO_ENVIRONMENT as env, run } from './jobs.js'

// These tests hardly wait, and each worker loads all modules for itself: more of them than processors only cost.
const workers = Math.min(4, availableParallelism())
const results = await Promise.all([
  run('types', 'npm run --silent typecheck', { quiet: true, env }),
  run('lint and format', 'npm run --silent lint', { quiet: true, env }),
  // Not --maxWorkers: each project has the number of the configuration, whatever the command line says.
  run('tests', 'vitest run --project "unit*"', { env: { VITEST_MAX_WORKERS: String(workers) } }),
])
process.exitCode = results.every(Boolean) ? 0 : 1
