import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '..', '..')

/** The first of these files, or of those in these directories, that was changed after `file` was; any of them where there is no such file. */
export function newerThan(file: string, sources: readonly string[]): string | undefined {
  const made = statSync(join(ROOT, file), { throwIfNoEntry: false })?.mtimeMs ?? 0
  return sources.flatMap(filesOf).find((source) => statSync(join(ROOT, source)).mtimeMs > made)
}

function filesOf(path: string): string[] {
  if (statSync(join(ROOT, path)).isFile()) return [path]
  return readdirSync(join(ROOT, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath.slice(ROOT.length + 1), entry.name))
}
