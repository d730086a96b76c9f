import { spawnSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { newerThan, ROOT } from './newer-than.ts'

/** As deep as `src`, for what its modules find beside themselves. */
export const COMPILED = 'compiled'

/** The URL of a file of `src` as it is compiled, by its path there, for threads and processes of their own: vitest resolves imports of its own modules only. */
export const compiled = (path: string): string => pathToFileURL(join(ROOT, COMPILED, path.replace(/\.ts$/, '.js'))).href

/** Compiles `src` for unit tests where it has changed. It takes a tenth of a build's time, and leaves `dist` alone. */
export default function setup(): void {
  const stamp = join(COMPILED, 'made')
  if (newerThan(stamp, ['src', 'tsconfig.build.json']) === undefined) return
  const fresh = `${COMPILED}.${process.pid}`
  mkdirSync(join(ROOT, fresh), { recursive: true })
  const options = ['-p', 'tsconfig.build.json', '--outDir', fresh, '--noCheck']
  const { status } = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', ...options], {
    cwd: ROOT,
    stdio: 'inherit',
  })
  if (status !== 0) throw new Error('src cannot be compiled')
  writeFileSync(join(ROOT, fresh, 'made'), '')
  rmSync(join(ROOT, COMPILED), { recursive: true, force: true })
  renameSync(join(ROOT, fresh), join(ROOT, COMPILED))
}
