import { errorCode, fileProblem } from '../shared/file-problem.ts'
import { PamError } from '../shared/errors.ts'

/**
 * An error of the operating system about a file (errno(3)), as one that says which file, what keeps it from being used, and what to do. Anything
 * else as it is: a fault of ours keeps its stack.
 */
export function startProblem(error: unknown): unknown {
  const code = errorCode(error)
  const known = KNOWN[code ?? '']
  if (error instanceof PamError || known === undefined || !hasPath(error)) return error
  const file = error.dest ?? error.path
  const verb = WRITING.test(error.syscall ?? '') || code === 'EROFS' || isNoRoom(code) ? 'written' : 'read'
  return new PamError(isNoRoom(code) ? 'STORE_UNAVAILABLE' : 'CONFIG_INVALID', fileProblem(file, error, verb), {
    side: 'gateway',
    cause: error,
    hint: known,
  })
}

const OWNER =
  "it must belong to the gateway's user, who needs to read and write it, and to search the directories above it"
const ROOM = 'make room on the disk, then start the gateway again; nothing is lost'
const KIND = 'move away what is there in its place'

/** What to do about each. */
const KNOWN: Readonly<Record<string, string>> = {
  EACCES: OWNER,
  EPERM: OWNER,
  EROFS: 'mount it so that it can be written, or change dataDirectory',
  ENOSPC: ROOM,
  EDQUOT: ROOM,
  EISDIR: KIND,
  ENOTDIR: KIND,
  EEXIST: KIND,
  ELOOP: KIND,
  ENOENT: 'look whether the disk is mounted, or change the path in the configuration',
  EIO: 'look at the log of the system and at the disk',
}

const isNoRoom = (code: string | undefined): boolean => code === 'ENOSPC' || code === 'EDQUOT'

/** System calls that make or change a file. */
const WRITING = /^(write|mkdir|rename|unlink|link|chmod|fsync|ftruncate|copyfile)/

interface FileError extends NodeJS.ErrnoException {
  readonly path: string
  /** Of a call with two of them, such as rename(2). */
  readonly dest?: string
}

const hasPath = (error: unknown): error is FileError =>
  error instanceof Error && 'path' in error && typeof error.path === 'string'
