import { spawn } from 'node:child_process'

/**
 * The environment of the checks of types and lint. Both are programs in Go that are over within seconds of processor time: a third of
 * it would go by in collecting garbage.
 */
export const GO_ENVIRONMENT = { GOGC: 'off', GOMEMLIMIT: '3GiB', GOMAXPROCS: '1' }

/**
 * Runs a command of the shell, with `env` besides this process's environment; `quiet` keeps what it says until it is over, and
 * says it where it fails. Resolves to whether it succeeded.
 */
export function run(name, command, { quiet = false, env = {} } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, {
      shell: true,
      env: { ...process.env, ...env },
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
