import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..')
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

/** Tests start `bin/*.js`, which load `dist/`: a build that is older than its sources would test what was there before. */
export default function setup(): void {
  const built = statSync(join(ROOT, BUILT), { throwIfNoEntry: false })?.mtimeMs ?? 0
  const newer = SOURCES.flatMap(filesOf).find((file) => statSync(join(ROOT, file)).mtimeMs > built)
  if (newer === undefined) return
  process.stdout.write(`${newer} is newer than dist: building\n`)
  const { status } = spawnSync(process.execPath, ['scripts/build.js'], { cwd: ROOT, stdio: 'inherit' })
  if (status !== 0) throw new Error('the build failed, and what is in dist is old')
}

function filesOf(path: string): string[] {
  if (statSync(join(ROOT, path)).isFile()) return [path]
  return readdirSync(join(ROOT, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath.slice(ROOT.length + 1), entry.name))
}
