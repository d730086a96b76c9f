import { openFlags, SftpFields, sftpType, type SftpPacket } from '../../wire/sftp/packet.ts'

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
}

const followed = (path: string): SftpPath => ({ path, follows: true })
const itself = (path: string): SftpPath => ({ path, follows: false })

/** The operation of a request that names paths; undefined where it names none. Throws WireError for what is malformed. */
export function operationOf(packet: SftpPacket): SftpOperation | undefined {
  const fields = new SftpFields(packet)
  switch (packet.type) {
    case sftpType.open: {
      const path = fields.path()
      const flags = fields.uint32()
      const writes = (flags & ~openFlags.read) !== 0
      const reads = (flags & openFlags.read) !== 0 || !writes
      return {
        name: writes ? 'write' : 'read',
        kind: writes ? 'file-write' : 'file-read',
        reads: reads ? [followed(path)] : [],
        writes: writes ? [followed(path)] : [],
      }
    }
    case sftpType.opendir:
      return { name: 'list', kind: 'file-list', reads: [followed(fields.path())], writes: [] }
    case sftpType.stat:
      return { name: 'stat', kind: 'file-list', reads: [followed(fields.path())], writes: [] }
    case sftpType.lstat:
      return { name: 'stat', kind: 'file-list', reads: [itself(fields.path())], writes: [] }
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
      return { name: 'rename', kind: 'file-rename', ...moved(fields.path(), fields.path()) }
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
      return { name: 'rename', kind: 'file-rename', ...moved(fields.path(), fields.path()) }
    case 'hardlink@openssh.com': {
      const [from, to] = [fields.path(), fields.path()]
      return { name: 'hardlink', kind: 'file-link', reads: [itself(from)], writes: [itself(from), itself(to)] }
    }
    case 'lsetstat@openssh.com':
      return { name: 'setstat', kind: 'file-attributes', reads: [], writes: [itself(fields.path())] }
    case 'statvfs@openssh.com':
      return { name: 'statvfs', kind: 'file-list', reads: [followed(fields.path())], writes: [] }
    default:
      return undefined
  }
}

const moved = (from: string, to: string): Pick<SftpOperation, 'reads' | 'writes'> => ({
  reads: [itself(from)],
  writes: [itself(from), itself(to)],
})

/** OpenSSH takes what the link leads to first (its PROTOCOL, 4.1). Whoever makes a link may use it for both. */
function linked(target: string, link: string): SftpOperation {
  const led = target.startsWith('/') ? target : `${link.replace(/[^/]*$/, '')}${target}`
  return {
    name: 'symlink',
    kind: 'file-link',
    reads: [followed(led)],
    writes: [followed(led), itself(link)],
  }
}

/** Extensions that are carried; the others are left out of what the target offers. */
export const CARRIED_EXTENSIONS = new Set([
  'posix-rename@openssh.com',
  'hardlink@openssh.com',
  'lsetstat@openssh.com',
  'statvfs@openssh.com',
  'fstatvfs@openssh.com',
  'fsync@openssh.com',
  'limits@openssh.com',
])
