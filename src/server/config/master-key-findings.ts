import { realpathSync } from 'node:fs'
import { relative, resolve, sep } from 'node:path'
import type { ConfigFile } from './schema.ts'
import type { Finding } from './finding.ts'

/** Master keys that are kept beside what they seal: whoever has a copy of the data directory would have both. */
export function masterKeyFindings(
  { secrets, dataDirectory }: Pick<ConfigFile, 'secrets' | 'dataDirectory'>,
  baseDirectory: string,
): Finding[] {
  const { sealed } = secrets
  if (sealed === undefined) return []
  const data = realOf(resolve(baseDirectory, dataDirectory))
  const keys = [
    { path: ['masterKey'], key: sealed.masterKey },
    ...sealed.previousMasterKeys.map((key, index) => ({ path: ['previousMasterKeys', index], key })),
  ]
  return keys.flatMap(({ path, key }): Finding[] => {
    if (key.type !== 'key' || !key.key.startsWith('file:')) return []
    const way = relative(data, realOf(resolve(baseDirectory, key.key.slice('file:'.length))))
    if (way === '..' || way.startsWith(`..${sep}`)) return []
    return [{ level: 'error', path: ['secrets', 'sealed', ...path, 'key'], message: BESIDE }]
  })
}

/** Without links; what is not there yet, as it is. */
function realOf(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

const BESIDE =
  'is in the data directory, where the sealed secrets are: whoever has a copy of it could open them; keep the key elsewhere'
