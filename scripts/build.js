// Compiles src to dist, and bundles the dashboard (dist/web), the server (dist/pam-gateway) and the command line (dist/pamctl).
// Everything is built beside and put in place at the end: programs that run from dist meanwhile find it whole, and a deleted source
// leaves nothing behind.
import { spawn } from 'node:child_process'
import { renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = new URL('..', import.meta.url)
const place = (name) => fileURLToPath(new URL(name, root))
const dist = place('dist')
const built = place(`dist.${process.pid}.new`)
const old = place(`dist.${process.pid}.old`)

process.on('exit', () => {
  for (const directory of [built, old]) rmSync(directory, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))

const vite = (config, name) => run('vite', 'bin/vite.js', 'build', '--config', config, '--outDir', join(built, name))
process.stderr.write('building: compiling and bundling, for up to a minute\n')
const statuses = await Promise.all([
  // Types are checked by `npm run typecheck`.
  run('typescript', 'bin/tsc', '-p', 'tsconfig.build.json', '--outDir', built, '--noCheck'),
  vite('web/vite.config.ts', 'web'),
  vite('scripts/pam-gateway.vite.config.js', 'pam-gateway'),
  vite('scripts/pamctl.vite.config.js', 'pamctl'),
])
const failed = statuses.find((status) => status !== 0)
if (failed !== undefined) process.exit(failed)
moveAway()
renameSync(built, dist)

function moveAway() {
  try {
    renameSync(dist, old)
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
}

/** Resolves to the program's exit status. */
function run(name, program, ...args) {
  const path = createRequire(import.meta.url)
    .resolve(`${name}/package.json`)
    .replace('package.json', program)
  const child = spawn(process.execPath, [path, ...args], { stdio: 'inherit', cwd: root })
  return new Promise((resolve) => child.on('close', (status) => resolve(status ?? 1)))
}
