import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync } from 'node:fs'
import { homedir, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { PamError } from '../shared/errors.ts'

/** The program itself, for what starts it: an agent, a ProxyCommand. The modules and what is bundled of them lie two deep. */
export const PAMCTL = fileURLToPath(new URL('../../bin/pamctl.js', import.meta.url))

/** Where pamctl keeps things on the user's machine: all private to the user. */
export interface Paths {
  readonly home: string
  readonly profiles: string
  readonly secrets: string
  /** Beginning of the names of files with keys that services sign in with. */
  readonly serviceKeys: string
  readonly log: string
  /** Private directory for sockets; its path is short enough for one. */
  readonly runtime: string
  readonly control: string
}

export function userPaths(environment: NodeJS.ProcessEnv = process.env): Paths {
  const home =
    environment['PAMCTL_HOME'] ?? join(environment['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'pamctl')
  privateDirectory(home)
  const wanted =
    environment['PAMCTL_HOME'] === undefined && environment['XDG_RUNTIME_DIR'] !== undefined
      ? join(environment['XDG_RUNTIME_DIR'], 'pamctl')
      : join(home, 'run')
  // A socket's path may have 107 bytes (sockaddr_un).
  const runtime =
    wanted.length <= 70
      ? wanted
      : join(tmpdir(), `pamctl-${userInfo().uid}-${createHash('sha256').update(home).digest('hex').slice(0, 12)}`)
  privateDirectory(runtime)
  return {
    home,
    profiles: join(home, 'profiles.json'),
    secrets: join(home, 'secrets.json'),
    serviceKeys: join(home, 'service-key-'),
    log: join(home, 'agent.log'),
    runtime,
    control: join(runtime, 'agent.sock'),
  }
}

/** Makes the directory, or makes sure that the one there is ours alone: in a shared place anybody may have made it. */
export function privateDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const { uid } = userInfo()
  const stat = lstatSync(path)
  if (!stat.isDirectory() || (uid >= 0 && stat.uid !== uid) || (stat.mode & 0o077) !== 0) {
    throw new PamError('SECRET_STORE', `${path} is not a directory of yours alone (mode 0700)`, {
      hint: 'move it away, or set PAMCTL_HOME',
    })
  }
}
