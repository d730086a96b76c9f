import { openFlags, SftpFields, sftpType, type SftpPacket } from '../wire/packet.ts'

/** What a request asks for, before paths are resolved. */
export interface SftpOperation {
  /** The word that stands in the record: `read`, `rename`, … */
  readonly name: string
  readonly kind: string
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
      return {
        name: writes ? 'write' : 'read',
        kind: writes ? 'file-write' : 'file-read',
        reads: reads ? [path] : [],
        writes: writes ? [path] : [],
      }
    }
    case sftpType.opendir:
      return { name: 'list', kind: 'file-list', reads: [followed(fields.path())], writes: [] }
    case sftpType.stat:
      return { name: 'stat', kind: 'file-list', reads: [followed(fields.path())], writes: [] }
    case sftpType.lstat:
      return { name: 'stat', kind: 'file-list', reads: [slashed(fields.path())], writes: [] }
    case sftpType.readlink:
      return { name: 'readlink', kind: 'file-list', reads: [itself(fields.path())], writes: [] }
    case sftpType.setstat:
      return { name: 'setstat', kind: 'file-attributes', reads: [], writes: [followed(fields.path())] }
    case sftpType.remove:
      return { name: 'remove', kind: 'file-remove', reads: [], writes: [itself(fields.path())] }
    case sftpType.rmdir:
      return { name: 'rmdir', kind: 'file-remove', reads: [], writes: [itself(fields.path())] }
    case sftpType.mkdir:
      return { name: 'mkdir', kind: 'file-mkdir', reads: [], writes: [itself(fields.path())] }
    case sftpType.rename:
      return { name: 'rename', kind: 'file-rename', ...moved(itself(fields.path(), 0), itself(fields.path(), 1)) }
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
      return { name: 'rename', kind: 'file-rename', ...moved(itself(fields.path(), 1), itself(fields.path(), 2)) }
    case 'hardlink@openssh.com': {
      const [from, to] = [itself(fields.path(), 1), itself(fields.path(), 2)]
      return { name: 'hardlink', kind: 'file-link', reads: [from], writes: [from, to] }
    }
    case 'lsetstat@openssh.com':
      return { name: 'setstat', kind: 'file-attributes', reads: [], writes: [itself(fields.path(), 1)] }
    case 'statvfs@openssh.com':
      return { name: 'statvfs', kind: 'file-list', reads: [followed(fields.path(), 1)], writes: [] }
    default:
      return undefined
  }
}

const moved = (from: SftpPath, to: SftpPath): Pick<SftpOperation, 'reads' | 'writes'> => ({
  reads: [from],
  writes: [from, to],
})

/** OpenSSH takes what the link leads to first (its PROTOCOL, 4.1). Whoever makes a link may use it for both. */
function linked(target: string, link: string): SftpOperation {
  const led: SftpPath = {
    path: target.startsWith('/') ? target : `${link.replace(/[^/]*$/, '')}${target}`,
    follows: true,
  }
  return { name: 'symlink', kind: 'file-link', reads: [led], writes: [led, itself(link, 1)] }
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
