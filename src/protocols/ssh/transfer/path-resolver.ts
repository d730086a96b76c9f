import type { Client, ClientChannel } from 'ssh2'
import {
  encodeInit,
  encodeReadlink,
  encodeRealpath,
  encodeStat,
  isDirectoryOf,
  SftpFields,
  SftpFramer,
  sftpStatus,
  sftpType,
  type SftpPacket,
} from '../wire/packet.ts'

/** Asks the target where paths lead. What it does not answer is undefined. */
export interface PathResolver {
  /** Where the login is when it comes in: absolute. Asked until it is known. */
  readonly home: () => Promise<string | undefined>
  /** Through all links; of a last name that does not exist, its directory's. */
  readonly real: (path: string) => Promise<string | undefined>
  /** What stands in a symbolic link; undefined for anything else. */
  readonly link: (path: string) => Promise<string | undefined>
  /** Whether it leads to a directory; undefined where the target does not say. */
  readonly isDirectory: (path: string) => Promise<boolean | undefined>
  close(): void
}

/**
 * By SFTP's REALPATH over a channel of the gateway's own, opened when it is first needed. A target without SFTP, or one
 * that is silent for too long, says nothing.
 */
export function createPathResolver(upstream: Client): PathResolver {
  const asked = new Map<number, (answer: SftpPacket | undefined) => void>()
  let opening: Promise<ClientChannel | undefined> | undefined
  let home: Promise<string | undefined> | undefined
  let lastId = 0

  const giveUp = (): void => {
    for (const answer of asked.values()) answer(undefined)
    asked.clear()
  }
  const open = (): Promise<ClientChannel | undefined> =>
    new Promise((resolve) => {
      let isLate = false
      const timer = setTimeout(() => {
        isLate = true
        // A target that is busy for a moment is asked again; one that refuses is not.
        opening = undefined
        resolve(undefined)
      }, MAX_WAIT_MS)
      const ready = (channel: ClientChannel | undefined): void => {
        clearTimeout(timer)
        resolve(channel)
      }
      const onOpened = (error: Error | undefined, channel: ClientChannel): void => {
        if (error !== undefined) return ready(undefined)
        if (isLate) return channel.close()
        const framer = new SftpFramer()
        channel.on('error', () => {})
        channel.on('close', () => {
          ready(undefined)
          giveUp()
        })
        channel.stderr.resume()
        channel.on('data', (bytes: Buffer) => {
          try {
            for (const packet of framer.push(bytes)) {
              if (packet.type === sftpType.version) ready(channel)
              else {
                asked.get(packet.id)?.(packet)
                asked.delete(packet.id)
              }
            }
          } catch {
            channel.close()
          }
        })
        channel.write(encodeInit())
      }
      try {
        upstream.subsys('sftp', onOpened)
      } catch {
        // It is not connected any more.
        ready(undefined)
      }
    })
  const ask = async (encode: (id: number, path: string) => Buffer, path: string): Promise<SftpPacket | undefined> => {
    opening ??= open()
    const channel = await opening
    if (channel?.writable !== true) return undefined
    return new Promise((resolve) => {
      const id = ++lastId
      const timer = setTimeout(() => {
        asked.delete(id)
        resolve(undefined)
      }, MAX_WAIT_MS)
      asked.set(id, (answer) => {
        clearTimeout(timer)
        resolve(answer)
      })
      channel.write(encode(id, path))
    })
  }
  const real = async (path: string): Promise<string | undefined> => {
    const found = firstName(await ask(encodeRealpath, path))
    return found?.startsWith('/') === true ? found : undefined
  }
  return {
    home: () =>
      (home ??= real('.').then((found) => {
        if (found === undefined) home = undefined
        return found
      })),
    real,
    link: async (path) => firstName(await ask(encodeReadlink, path)),
    async isDirectory(path) {
      const packet = await ask(encodeStat, path)
      if (packet?.type === sftpType.attrs) return isDirectoryOf(packet)
      return packet?.type === sftpType.status && new SftpFields(packet).uint32() === sftpStatus.noSuchFile
        ? false
        : undefined
    },
    close: () => void opening?.then((channel) => channel?.close()),
  }
}

/** The first name of a NAME packet. */
function firstName(packet: SftpPacket | undefined): string | undefined {
  if (packet?.type !== sftpType.name) return undefined
  const fields = new SftpFields(packet)
  return fields.uint32() === 0 ? undefined : fields.path()
}

const MAX_WAIT_MS = 3000
