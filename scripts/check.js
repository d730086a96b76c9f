// What to run before a commit: types, lint and format beside the tests that start no server. They wait for different things, so
// that together they take hardly longer than the tests alone. Streams are cut in one place of five (test/helpers/sampled.ts).
import { spawn } from 'node:child_process'

/** Runs a command; `quiet` keeps what it says until it is over. Resolves to whether it succeeded. */
function run(name, command, { quiet = false, environment = {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, {
      shell: true,
      env: { ...process.env, ...environment },
      stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
    })
    const said = []
    child.stdout?.on('data', (chunk) => said.push(chunk))
    child.stderr?.on('data', (chunk) => said.push(chunk))
    child.on('close', (status) => {
      if (status !== 0) process.stderr.write(`\n${Buffer.concat(said).toString()}${name}: failed\n`)
      resolve(status === 0)
    })
  })
}

const results = await Promise.all([
  run('types', 'npm run --silent typecheck', { quiet: true }),
  run('lint and format', 'npm run --silent lint', { quiet: true }),
  run('tests', 'vitest run --project "unit*"', { environment: { PAMCTL_TEST_SAMPLE: '5' } }),
])
process.exitCode = results.every(Boolean) ? 0 : 1
