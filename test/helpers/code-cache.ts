import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..', '..')
const KEPT = join(ROOT, 'node_modules', '.cache', 'pam-gateway')
const BUILT = join(ROOT, 'dist', 'pam-gateway', 'main.js')

/** Has the gateways that tests start use what V8 compiled for those before them (code-cache.cjs). */
export default function setup(): void {
  const load = `--require ${JSON.stringify(join(import.meta.dirname, 'code-cache.cjs'))}`
  const options = process.env['NODE_OPTIONS'] ?? ''
  // Each project of a run comes here.
  if (options.includes(load)) return
  process.env['NODE_OPTIONS'] = `${options} ${load}`.trim()
  // Each build has other names: nothing reads what was kept of one before.
  const builtAt = statSync(BUILT).mtimeMs
  const keptAt = statSync(KEPT, { throwIfNoEntry: false })?.birthtimeMs ?? builtAt
  if (keptAt < builtAt) rmSync(KEPT, { recursive: true, force: true })
}
