import { withoutLast } from '../../../shared/without-last.ts'
import type { OpenFile } from './sftp-files.ts'
import { openFlags, SftpFields, sftpType, type SftpAttributes, type SftpPacket } from '../wire/packet.ts'

/** What a request asks for, before paths are resolved. */
export interface SftpOperation {
  /** The word that stands in the record: `read`, `rename`, … */
  readonly name: string
  readonly kinds: readonly string[]
  /** What it sets, for whoever is asked about it: `mode=4755`. */
  readonly sets?: readonly string[]
  readonly reads: readonly SftpPath[]
  readonly writes: readonly SftpPath[]
}

export interface SftpPath {
  readonly path: string
  /** Whether a link at its end is followed. */
  readonly follows: boolean
  /** Which of the request's strings it is. Undefined where it is none, but what a request means by it. */
  readonly field?: number
}

const followed = (path: string, field = 0): SftpPath => ({ path, follows: true, field })
const itself = (path: string, field = 0): SftpPath => ({ path, follows: false, field })
/** A slash at its end asks for what a link leads to (POSIX, 4.16). */
const slashed = (path: string): SftpPath => (path.endsWith('/') ? followed(path) : itself(path))

/** The operation of a request that names paths; undefined where it names none. Throws WireError for what is malformed. */
export function operationOf(packet: SftpPacket): SftpOperation | undefined {
  const fields = new SftpFields(packet)
  switch (packet.type) {
    case sftpType.open: {
      const path = followed(fields.path())
      const flags = fields.uint32()
      const writes = (flags & ~openFlags.read) !== 0
      const reads = (flags & openFlags.read) !== 0 || !writes
      return made(fields.attributes(), {
        name: writes ? 'write' : 'read',
        // What is open for both is read as well as written.
        kinds: [...(writes ? ['file-write'] : []), ...(reads ? ['file-read'] : [])],
        reads: reads ? [path] : [],
        writes: writes ? [path] : [],
      })
    }
    case sftpType.opendir:
      return { name: 'list', kinds: ['file-list'], reads: [followed(fields.path())], writes: [] }
    case sftpType.stat:
      return { name: 'stat', kinds: ['file-list'], reads: [followed(fields.path())], writes: [] }
    case sftpType.lstat:
      return { name: 'stat', kinds: ['file-list'], reads: [slashed(fields.path())], writes: [] }
    case sftpType.readlink:
      return { name: 'readlink', kinds: ['file-list'], reads: [itself(fields.path())], writes: [] }
    case sftpType.setstat:
      return changed(followed(fields.path()), fields.attributes())
    case sftpType.remove:
      return { name: 'remove', kinds: ['file-remove'], reads: [], writes: [itself(fields.path())] }
    case sftpType.rmdir:
      return { name: 'rmdir', kinds: ['file-remove'], reads: [], writes: [itself(fields.path())] }
    case sftpType.mkdir:
      return mkdir(fields)
    case sftpType.rename:
      return { name: 'rename', kinds: ['file-rename'], ...moved(itself(fields.path(), 0), itself(fields.path(), 1)) }
    case sftpType.symlink:
      return linked(fields.path(), fields.path())
    case sftpType.extended:
      return extendedOperation(fields)
    default:
      return undefined
  }
}

/** Extensions that name paths; those that name handles are none. */
function extendedOperation(fields: SftpFields): SftpOperation | undefined {
  const name = fields.string().toString('utf8')
  switch (name) {
    case 'posix-rename@openssh.com':
      return { name: 'rename', kinds: ['file-rename'], ...moved(itself(fields.path(), 1), itself(fields.path(), 2)) }
    case 'hardlink@openssh.com': {
      const [from, to] = [itself(fields.path(), 1), itself(fields.path(), 2)]
      return { name: 'hardlink', kinds: ['file-link'], reads: [from], writes: [from, to] }
    }
    case 'lsetstat@openssh.com':
      return changed(itself(fields.path(), 1), fields.attributes())
    case 'statvfs@openssh.com':
      return { name: 'statvfs', kinds: ['file-list'], reads: [followed(fields.path(), 1)], writes: [] }
    default:
      return undefined
  }
}

function mkdir(fields: SftpFields): SftpOperation {
  const path = itself(fields.path())
  return made(fields.attributes(), { name: 'mkdir', kinds: ['file-mkdir'], reads: [], writes: [path] })
}

/** What is made with more than permissions has its attributes changed as well; a server takes nothing else of them (sftp-server.c, process_open). */
function made({ mode = 0 }: SftpAttributes, operation: SftpOperation): SftpOperation {
  if ((mode & SPECIAL_BITS) === 0) return operation
  return { ...operation, kinds: [...operation.kinds, 'file-attributes'], sets: describeAttributes({ mode }) }
}

const changed = (path: SftpPath, attributes: SftpAttributes): SftpOperation => ({
  name: 'setstat',
  // With a length, bytes are cut off or added.
  kinds: attributes.size === undefined ? ['file-attributes'] : ['file-attributes', 'file-write'],
  sets: describeAttributes(attributes),
  reads: [],
  writes: [path],
})

/**
 * FSETSTAT of a file whose path was judged: times, permissions and the length of one that may be written anyway are no other operation. An owner, and the
 * bits by which a program runs as its owner, are.
 */
export function handleOperation(packet: SftpPacket, { path, operation }: OpenFile): SftpOperation | undefined {
  const fields = new SftpFields(packet)
  fields.string()
  const attributes = fields.attributes()
  const { owner, mode = 0 } = attributes
  if (operation === 'write' && owner === undefined && (mode & SPECIAL_BITS) === 0) return undefined
  const { field: _, ...named } = followed(path)
  return changed(named, attributes)
}

/** As approvers see them. */
function describeAttributes({ size, owner, mode, times }: SftpAttributes): string[] {
  return [
    ...(mode === undefined ? [] : [`mode=${(mode & MODE_BITS).toString(8).padStart(4, '0')}`]),
    ...(owner === undefined ? [] : [`owner=${owner}`]),
    ...(size === undefined ? [] : [`size=${size}`]),
    ...(times === undefined ? [] : [`modified=${new Date(times.modified * 1000).toISOString()}`]),
  ]
}

const moved = (from: SftpPath, to: SftpPath): Pick<SftpOperation, 'reads' | 'writes'> => ({
  reads: [from],
  writes: [from, to],
})

/** The directory that a path names something in; slashes at its end mean nothing there. */
export function parentOf(path: string): string {
  const named = withoutLast(path, '/')
  const parent = withoutLast(named.slice(0, named.lastIndexOf('/') + 1), '/')
  return parent !== '' ? parent : path.startsWith('/') ? '/' : '.'
}

/** What it is called there; nothing for the root. */
export function nameOf(path: string): string {
  const named = withoutLast(path, '/')
  return named.slice(named.lastIndexOf('/') + 1)
}

/** OpenSSH takes what the link leads to first (its PROTOCOL, 4.1). Whoever makes a link may use it for both. */
function linked(target: string, link: string): SftpOperation {
  const led: SftpPath = { path: target.startsWith('/') ? target : `${parentOf(link)}/${target}`, follows: true }
  return { name: 'symlink', kinds: ['file-link'], reads: [led], writes: [led, itself(link, 1)] }
}

/** A copy within the target (`copy-data`): from one open file to another. */
export interface SftpCopy {
  readonly from: string
  readonly to: string
}

export function copyOf(packet: SftpPacket): SftpCopy {
  const fields = new SftpFields(packet)
  fields.string()
  const from = fields.string().toString('latin1')
  // Where it begins, and how much it is.
  fields.uint64()
  fields.uint64()
  return { from, to: fields.string().toString('latin1') }
}

export const COPY_DATA = 'copy-data'

/** Extensions that are carried; the others are left out of what the target offers. */
export const CARRIED_EXTENSIONS = new Set([
  'posix-rename@openssh.com',
  'hardlink@openssh.com',
  'lsetstat@openssh.com',
  'statvfs@openssh.com',
  'fstatvfs@openssh.com',
  'fsync@openssh.com',
  'limits@openssh.com',
  COPY_DATA,
])

/** Set-user-ID, set-group-ID and the sticky bit, and all bits of a mode but the type (POSIX, sys/stat.h). */
const SPECIAL_BITS = 0o7000
const MODE_BITS = 0o7777
