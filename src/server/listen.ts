import { errorCode } from '../shared/file-problem.ts'
import { PamError } from '../shared/errors.ts'
import { documentPath } from '../shared/own-program.ts'

/** An address of the configuration, and the key that names it. */
export interface ListenAddress {
  readonly key: string
  readonly host: string
  readonly port: number
}

/** Begins to listen by `work`; an address that cannot be had is reported as a fault of the configuration, with its key. */
export async function listenAt<T>({ key, host, port }: ListenAddress, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const said = PROBLEMS[errorCode(error) ?? '']
    if (said === undefined) throw error
    const [problem, hint] = said
    throw new PamError('CONFIG_INVALID', `${key}: ${host}:${port} ${problem}`, {
      side: 'gateway',
      cause: error,
      hint: hint(key),
    })
  }
}

/** What went wrong, and what to do about the key. Source: bind(2), getaddrinfo(3). */
const PROBLEMS: Readonly<Record<string, readonly [string, (key: string) => string]>> = {
  EADDRINUSE: ['is in use by another process', (key) => `stop that process, or change ${key}.port`],
  EACCES: [
    'may not be used by this user',
    () => `ports below 1024 need CAP_NET_BIND_SERVICE: ${documentPath('install.md')} has a unit`,
  ],
  EADDRNOTAVAIL: ['is not an address of this machine', (key) => `change ${key}.host`],
  ENOTFOUND: ['has no address', (key) => `change ${key}.host`],
}
