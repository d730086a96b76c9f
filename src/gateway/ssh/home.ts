import type { Client, ClientChannel } from 'ssh2'
import {
  encodeInit,
  encodeRealpath,
  SftpFields,
  SftpFramer,
  sftpType,
  type SftpPacket,
} from '../../wire/sftp/packet.ts'

/** Where the login is when it comes in, by SFTP's REALPATH of `.`; undefined where the target has no SFTP, or does not answer. */
export async function askHome(upstream: Client): Promise<string | undefined> {
  return new Promise((resolve) => {
    let opened: ClientChannel | undefined
    const done = (home: string | undefined): void => {
      clearTimeout(timer)
      opened?.close()
      resolve(home?.startsWith('/') === true ? home : undefined)
    }
    const timer = setTimeout(() => done(undefined), LONGEST_WAIT)
    upstream.subsys('sftp', (error, channel) => {
      if (error !== undefined) return done(undefined)
      opened = channel
      const framer = new SftpFramer()
      channel.on('error', () => {})
      channel.on('close', () => done(undefined))
      channel.on('data', (bytes: Buffer) => {
        try {
          for (const packet of framer.push(bytes)) {
            if (packet.type === sftpType.version) channel.write(encodeRealpath(1, '.'))
            else done(firstName(packet))
          }
        } catch {
          done(undefined)
        }
      })
      channel.stderr.resume()
      channel.write(encodeInit(3))
    })
  })
}

/** The first name of a NAME packet. */
export function firstName(packet: SftpPacket): string | undefined {
  if (packet.type !== sftpType.name) return undefined
  const fields = new SftpFields(packet)
  return fields.uint32() === 0 ? undefined : fields.path()
}

const LONGEST_WAIT = 3000
