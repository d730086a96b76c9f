import { spawnSync } from 'node:child_process'
import { newerThan, ROOT } from './newer-than.ts'

/** What the build is made of, and what it writes last. */
const SOURCES = [
  'src',
  'web',
  'scripts/build.js',
  'scripts/pam-gateway.vite.config.js',
  'scripts/pamctl.vite.config.js',
  'tsconfig.build.json',
]
const BUILT = 'dist/pamctl/main.js'

/** System tests start `bin/*.js`, which load `dist/`: a build that is older than its sources would test what was there before. */
export default function setup(): void {
  const newer = newerThan(BUILT, SOURCES)
  if (newer === undefined) return
  process.stdout.write(`${newer} is newer than dist: building\n`)
  const { status } = spawnSync(process.execPath, ['scripts/build.js'], { cwd: ROOT, stdio: 'inherit' })
  if (status !== 0) throw new Error('the build failed, and what is in dist is old')
}
