import { PamError } from '../shared/errors.ts'

/** Where the store is, and as whom it is asked; without secrets. */
export interface StoreAddress {
  /** `host:port`, or a file. */
  readonly place: string
  readonly user?: string
  readonly database?: string
}

/** What keeps the store from being opened, in words that name the cause. */
export function storeError(error: unknown, { place, user = '', database = '' }: StoreAddress): PamError {
  if (error instanceof PamError) return error
  const { code, message, cause } = rootOf(error)
  const refused = (problem: string, hint?: string): PamError =>
    new PamError('STORE_UNAVAILABLE', problem, { side: 'gateway', cause, ...(hint === undefined ? {} : { hint }) })
  if (message.startsWith('corrupted migrations')) {
    return refused(
      `the store at ${place} was written by another version of the gateway: ${message}`,
      'start the version that wrote it, or a newer one',
    )
  }
  // A store in a file is opened as nobody.
  const file = user === '' ? fileStoreProblem(code, message, place) : undefined
  if (file !== undefined) return refused(...file)
  if (NETWORK.has(code)) return refused(`cannot connect to the store at ${place}: ${code}`)
  if (/timeout expired|Connection terminated due to connection timeout/.test(message))
    return refused(`cannot connect to the store at ${place}: no answer in time`)
  if (message.startsWith('Connection terminated')) return refused(`the store at ${place} closed the connection`)
  if (/SSL|certificate/i.test(message) || TLS.test(code))
    return refused(`cannot connect to the store at ${place} over TLS: ${message}`)
  switch (code) {
    // Source: PostgreSQL manual, appendix A.
    case '28P01':
    case '28000':
      return refused(`the store at ${place} does not let "${user}" log in: ${message}`)
    case '3D000':
      return refused(`the store at ${place} has no database "${database}"`, 'create it first')
    case '42501':
      return refused(
        `"${user}" may not use database "${database}" of the store at ${place}: ${message}`,
        'the user needs to own the database, or to have CREATE and USAGE on its schema',
      )
    case '53300':
      return refused(`the store at ${place} has no connection left: ${message}`)
    default:
  }
  // 57P: an operator stops it, or it starts just now.
  if (code.startsWith('57P')) return refused(`the store at ${place} is not ready: ${message}`)
  return refused(`the store at ${place} cannot be used: ${message}`)
}

/** Of a store in a file: what is wrong with it or with its disk, and what to do. Source: SQLite, result codes; errno(3). */
function fileStoreProblem(code: string, message: string, place: string): [problem: string, hint: string] | undefined {
  // The library gives the code of some errors, and of others only the words.
  if (code.startsWith('SQLITE_FULL') || DISK_FULL.has(code) || message === 'database or disk is full')
    return [`the store at ${place} cannot be written: there is no room on the disk`, ROOM_ADVICE]
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code) || /malformed|not a database/.test(message))
    return [`the store at ${place} is damaged: ${message}`, DAMAGE_ADVICE]
  if (/^SQLITE_(READONLY|CANTOPEN|PERM|AUTH)/.test(code) || NO_FILE.has(code) || UNOPENED.test(message))
    return [`the store at ${place} cannot be opened for writing: ${message}`, OWNER_ADVICE]
  if (code.startsWith('SQLITE_IOERR') || code === 'EIO')
    return [`the disk failed under the store at ${place}: ${message}`, 'look at the log of the system and at the disk']
  return undefined
}

const ROOM_ADVICE = 'make room there, then start the gateway again; nothing is lost'
const DAMAGE_ADVICE = 'keep a copy of it, and restore it from a backup or repair it before the next start'
const OWNER_ADVICE =
  "the data directory and all in it must belong to the gateway's user, on a disk that is not mounted read-only"
/** Of the file, the directory that it is in, and what lies beside it. */
const NO_FILE = new Set(['EACCES', 'EPERM', 'EROFS', 'EEXIST', 'EISDIR', 'ENOTDIR', 'ELOOP', 'ENOENT'])
const UNOPENED = /readonly database|unable to open (database|connection)/i
const DISK_FULL = new Set(['ENOSPC', 'EDQUOT'])

/** What keeps a change from being made where it is the disk; any other error as it is. */
export function writeError(error: unknown): unknown {
  const { code, message } = rootOf(error)
  const hint = WRITE_ADVICE.find(([pattern]) => pattern.test(code))?.[1]
  if (hint === undefined) return error
  return new PamError('STORE_UNAVAILABLE', `the store of the gateway cannot be written: ${message}`, {
    side: 'gateway',
    cause: error,
    hint,
  })
}

/** By the code of SQLite: what whoever runs the gateway has to do. */
const WRITE_ADVICE: readonly (readonly [RegExp, string])[] = [
  [/^SQLITE_(FULL|IOERR)/, 'ask your gateway administrator to make room on the disk of its data directory'],
  [
    /^SQLITE_READONLY/,
    'ask your gateway administrator to make its data directory writable for the user of the gateway',
  ],
  [
    /^SQLITE_(CORRUPT|NOTADB)/,
    'ask your gateway administrator to keep a copy of its store, and to restore it from a backup',
  ],
]

/** Several addresses of one host fail together: the first says why. */
function rootOf(error: unknown): { code: string; message: string; cause: unknown } {
  const first = error instanceof AggregateError && error.errors.length > 0 ? (error.errors[0] as unknown) : error
  const { code, message } = first as { code?: unknown; message?: unknown }
  return {
    code: typeof code === 'string' ? code : '',
    message: typeof message === 'string' && message !== '' ? message : String(first),
    cause: error,
  }
}

const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EACCES',
  'ENOENT',
])
const TLS = /^(DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|CERT_|ERR_TLS)/
