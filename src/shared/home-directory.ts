import { homedir } from 'node:os'

/** The user's own directory. POSIX systems have it in HOME, which may be that of another run than this process was started for. */
export const homeDirectory = (environment: NodeJS.ProcessEnv): string =>
  process.platform === 'win32' ? homedir() : environment['HOME'] || homedir()
