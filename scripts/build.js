// Compiles src to dist and the dashboard to dist/web. The old output goes first, so that a deleted source leaves nothing behind.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'

rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true })
const tsc = createRequire(import.meta.url)
  .resolve('typescript/package.json')
  .replace('package.json', 'bin/tsc')
const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
  stdio: 'inherit',
  cwd: new URL('..', import.meta.url),
})
if (status !== 0) process.exit(status ?? 1)
const vite = createRequire(import.meta.url)
  .resolve('vite/package.json')
  .replace('package.json', 'bin/vite.js')
const web = spawnSync(process.execPath, [vite, 'build', '--config', 'web/vite.config.ts'], {
  stdio: 'inherit',
  cwd: new URL('..', import.meta.url),
})
process.exitCode = web.status ?? 1
