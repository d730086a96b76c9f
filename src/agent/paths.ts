import { createHash } from 'node:crypto'
import { lstatSync, mkdirSync, statSync, type Stats } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { variable } from '../shared/environment.ts'
import { PamError } from '../shared/errors.ts'
import { errorCode } from '../shared/file-problem.ts'
import { homeDirectory } from '../shared/home-directory.ts'

/** Where pamctl keeps its files on the user's machine, all private to the user. */
export interface Paths {
  readonly home: string
  readonly profiles: string
  readonly knownClients: string
  readonly secrets: string
  /** Beginning of the names of files with keys that services sign in with. */
  readonly serviceKeys: string
  readonly log: string
  /** Private directory for sockets; its path is short enough for one. */
  readonly runtime: string
  readonly control: string
}

export function userPaths(environment: NodeJS.ProcessEnv = process.env): Paths {
  const chosen = variable(environment, 'PAMCTL_HOME')
  const home =
    chosen ?? join(variable(environment, 'XDG_STATE_HOME') ?? join(userHome(environment), '.local', 'state'), 'pamctl')
  privateDirectory(home, 'set PAMCTL_HOME to a directory of your own')
  const runtimeDirectory = variable(environment, 'XDG_RUNTIME_DIR')
  const wanted =
    chosen === undefined && runtimeDirectory !== undefined && isOurs(runtimeDirectory)
      ? join(runtimeDirectory, 'pamctl')
      : join(home, 'run')
  // A socket's path may have 107 bytes (sockaddr_un).
  const runtime =
    wanted.length <= 70
      ? wanted
      : join(tmpdir(), `pamctl-${userInfo().uid}-${createHash('sha256').update(home).digest('hex').slice(0, 12)}`)
  privateDirectory(runtime, 'set XDG_RUNTIME_DIR, or PAMCTL_HOME, to a directory of your own')
  return {
    home,
    profiles: join(home, 'profiles.json'),
    knownClients: join(home, 'known-clients.json'),
    secrets: join(home, 'secrets.json'),
    serviceKeys: join(home, 'service-key-'),
    log: join(home, 'agent.log'),
    runtime,
    control: join(runtime, 'agent.sock'),
  }
}

/** An account without an entry in the system's list has none, as in containers that run under any number. */
function userHome(environment: NodeJS.ProcessEnv): string {
  try {
    return homeDirectory(environment)
  } catch (error) {
    throw new PamError('SECRET_STORE', 'you have no home directory', {
      hint: 'set HOME, or PAMCTL_HOME to a directory of your own',
      cause: error,
    })
  }
}

/** Under sudo the variable names another user's directory: they could replace what we put there. */
function isOurs(directory: string): boolean {
  const { uid } = userInfo()
  return uid < 0 || statSync(directory, { throwIfNoEntry: false })?.uid === uid
}

/**
 * Creates the directory, or verifies that the existing one is ours alone: in a shared place anybody may have created it. Checked before it
 * is created, since creating would follow a link.
 */
export function privateDirectory(path: string, remedy = 'set PAMCTL_HOME to a directory of your own'): void {
  const problem = problemOf(path)
  if (problem === 'missing') {
    try {
      createDirectory(path)
    } catch (error) {
      const code = errorCode(error) ?? 'unknown error'
      throw new PamError('SECRET_STORE', `cannot create the directory ${path} (${REASONS[code] ?? code})`, {
        hint: remedy,
        cause: error,
      })
    }
  }
  // Checked again, since somebody may have been quicker.
  const left = problem === 'missing' ? problemOf(path) : problem
  if (left !== undefined)
    throw new PamError('SECRET_STORE', `${path} ${left}`, {
      hint: `${left.startsWith(OPEN_TO_OTHERS) ? `chmod 700 ${path}` : 'remove it'}, or ${remedy}`,
    })
}

/**
 * With those above it. One by one: of several at once, Node says ENOENT where the first cannot be made, and goes on forever where the file system
 * does so, as /proc does.
 */
function createDirectory(path: string): void {
  const above = dirname(path)
  if (above !== path && statSync(above, { throwIfNoEntry: false }) === undefined) createDirectory(above)
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    // Another command was quicker.
    if (errorCode(error) !== 'EEXIST') throw error
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EROFS: 'its file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOSPC: 'there is no room on the disk',
}

const OPEN_TO_OTHERS = 'is accessible to other users'

/** What is wrong with a directory that should be ours alone. */
function problemOf(path: string): string | undefined {
  let stat: Stats | undefined
  try {
    stat = lstatSync(path, { throwIfNoEntry: false })
  } catch (error) {
    return `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`
  }
  if (stat === undefined) return 'missing'
  const { uid } = userInfo()
  const isForeign = uid >= 0 && stat.uid !== uid
  if (stat.isSymbolicLink()) return isForeign ? 'is a symbolic link made by another user' : 'is a symbolic link'
  if (!stat.isDirectory()) return isForeign ? 'is a file of another user' : 'is not a directory'
  if (isForeign) return `belongs to another user (${stat.uid})`
  if ((stat.mode & 0o077) !== 0)
    return `${OPEN_TO_OTHERS} (mode ${(stat.mode & 0o777).toString(8).padStart(4, '0')}, expected 0700)`
  return undefined
}
