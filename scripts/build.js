// Compiles src to dist, and bundles the dashboard (dist/web) and the command line (dist/pamctl). The old output goes first,
// so that a deleted source leaves nothing behind.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'

const root = new URL('..', import.meta.url)

rmSync(new URL('dist', root), { recursive: true, force: true })
run('typescript', 'bin/tsc', '-p', 'tsconfig.build.json')
run('vite', 'bin/vite.js', 'build', '--config', 'web/vite.config.ts')
run('vite', 'bin/vite.js', 'build', '--config', 'scripts/pamctl.vite.config.js')

function run(name, program, ...args) {
  const path = createRequire(import.meta.url)
    .resolve(`${name}/package.json`)
    .replace('package.json', program)
  const { status } = spawnSync(process.execPath, [path, ...args], { stdio: 'inherit', cwd: root })
  if (status !== 0) process.exit(status ?? 1)
}
