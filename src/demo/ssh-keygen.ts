import { spawnSync } from 'node:child_process'

/**
 * Makes a key pair with ssh-keygen(1) and gives the path of its private half; the public half is beside it in `.pub`. Throws with what
 * ssh-keygen says.
 */
export function makeSshKey(path: string, ...options: readonly string[]): string {
  const { status, stderr, error } = spawnSync('ssh-keygen', ['-q', '-f', path, ...options], {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  if (status !== 0) throw new Error(`ssh-keygen: ${error?.message ?? stderr}`)
  return path
}
