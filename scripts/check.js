// What to run before a commit: types, lint and format beside the tests that start no server. They wait for different things, so
// that together they take hardly longer than the tests alone.
import { run } from './jobs.js'

const results = await Promise.all([
  run('types', 'npm run --silent typecheck', { quiet: true }),
  run('lint and format', 'npm run --silent lint', { quiet: true }),
  run('tests', 'vitest run --project "unit*"'),
])
process.exitCode = results.every(Boolean) ? 0 : 1
