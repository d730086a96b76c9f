import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile } from '../../../shared/replace-file.ts'
import type { ListenerInfo } from '../../client-half.ts'

/** Where programs find the secret of a port, which is in no argument: files that only their owner can read. */
export interface ClientFiles {
  /** `machine NAME login USER password SECRET`: curl, HTTPie and whatever is made with Python's requests. */
  readonly netrc: string
  /** A directory with a .curlrc. */
  readonly curlHome: string
  /** `curl --config FILE` */
  readonly curlConfig: string
  readonly wgetrc: string
}

export function writeClientFiles(directory: string, { secret }: ListenerInfo): ClientFiles {
  if (secret === undefined) throw new Error('the port has no secret')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const write = (name: string, lines: readonly string[]): string => {
    const path = join(directory, name)
    replaceFile(path, lines.map((line) => `${line}\n`).join(''))
    return path
  }
  const netrc = write(
    'netrc',
    LOOPBACK.map((name) => `machine ${name} login ${USER} password ${secret}`),
  )
  const curlConfig = write('.curlrc', [
    // By the name of the host: what else it is sent to gets no secret.
    `netrc-file = ${JSON.stringify(netrc)}`,
    'netrc-optional',
    `noproxy = "${LOOPBACK.join(',')}"`,
  ])
  const wgetrc = write('wgetrc', [
    `http_user = ${USER}`,
    `http_password = ${secret}`,
    'auth_no_challenge = on',
    `no_proxy = ${LOOPBACK.join(',')}`,
  ])
  return { netrc, curlHome: directory, curlConfig, wgetrc }
}

/** Any would do. */
const USER = 'pamctl'
export const LOOPBACK = ['127.0.0.1', 'localhost']
