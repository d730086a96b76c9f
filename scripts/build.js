// Compiles src to dist, and bundles the dashboard (dist/web), the server (dist/pam-gateway) and the command line (dist/pamctl).
// Everything is built beside and put in place at the end: programs that run from dist meanwhile find it whole, and a deleted source
// leaves nothing behind.
import { spawnSync } from 'node:child_process'
import { renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
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

run('typescript', 'bin/tsc', '-p', 'tsconfig.build.json', '--outDir', built)
run('vite', 'bin/vite.js', 'build', '--config', 'web/vite.config.ts', '--outDir', `${built}/web`)
run(
  'vite',
  'bin/vite.js',
  'build',
  '--config',
  'scripts/pam-gateway.vite.config.js',
  '--outDir',
  `${built}/pam-gateway`,
)
run('vite', 'bin/vite.js', 'build', '--config', 'scripts/pamctl.vite.config.js', '--outDir', `${built}/pamctl`)
moveAway()
renameSync(built, dist)

function moveAway() {
  try {
    renameSync(dist, old)
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
}

function run(name, program, ...args) {
  const path = createRequire(import.meta.url)
    .resolve(`${name}/package.json`)
    .replace('package.json', program)
  const { status } = spawnSync(process.execPath, [path, ...args], { stdio: 'inherit', cwd: root })
  if (status !== 0) process.exit(status ?? 1)
}
