/** What keeps a file from being used, in words: `there is no file a.yaml`, `a.yaml cannot be read: permission denied`. */
export function fileProblem(file: string, error: unknown, verb: 'read' | 'written' = 'read'): string {
  const { code, message } = error as NodeJS.ErrnoException
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
    case undefined:
      return `${file}: ${message}`
    default:
      return `${file} cannot be ${verb} (${code})`
  }
}
