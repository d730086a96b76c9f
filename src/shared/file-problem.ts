import { asError } from './errors.ts'

/** What keeps a file from being used, in words: `there is no file a.yaml`, `a.yaml cannot be read: permission denied`. */
export function fileProblem(file: string, error: unknown, verb: 'read' | 'written' = 'read'): string {
  const code = errorCode(error)
  switch (code) {
    case 'ENOENT':
      return verb === 'read'
        ? `there is no file ${file}`
        : `${file} cannot be written: its directory does not exist, or a link leads nowhere`
    case 'EACCES':
    case 'EPERM':
      return `${file} cannot be ${verb}: permission denied`
    case 'EISDIR':
      return `${file} is a directory`
    case 'ENOTDIR':
      return `${file} is not below a directory`
    case 'EROFS':
      return `${file} cannot be ${verb}: its file system is read-only`
    case 'ENOSPC':
    case 'EDQUOT':
      return `${file} cannot be ${verb}: there is no room on the disk`
    case undefined:
      return `${file}: ${asError(error).message}`
    default:
      return `${file} cannot be ${verb} (${code})`
  }
}

/** The code of a system error (`ENOENT`); undefined where it has none. */
export const errorCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
