import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer as listenPlain, type AddressInfo, type Socket } from 'node:net'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { readStartupPacket } from '../../src/protocols/postgres/wire/startup.ts'
import type { TestCertificates } from './certificates.ts'

/** A database of a cloud, whose accounts log in with what the cloud gives out, and never with a password of the database. */
export interface CloudPostgres {
  readonly port: number
  /** The passwords that it was sent, all in clear text within TLS. */
  readonly passwords: readonly string[]
  /** What to do with the next logins by a password: refuse them, with the password in the error. */
  refuses: boolean
  stop(): void
}

/**
 * Stands before a real server, which trusts it, as RDS and Cloud SQL stand before theirs: it asks for the password in clear text within TLS and
 * notes it. The account `certified` has none, but shows a client certificate of the authority of `certificates`.
 */
export async function cloudPostgres(
  realPort: number,
  { ca, certificate, key }: TestCertificates,
  certified: string,
): Promise<CloudPostgres> {
  const open = new Set<Socket>()
  const passwords: string[] = []
  const [authority, cert, privateKey] = [ca, certificate, key].map((file) => readFileSync(file))
  const secured = createTlsServer(
    // Whether one is shown is the account's to ask for.
    { ca: authority, cert, key: privateKey, requestCert: true, rejectUnauthorized: false },
    (socket) => {
      socket.on('error', () => {})
      void serve(socket)
    },
  )
  const plain = listenPlain((socket) => {
    open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
    socket.once('data', (bytes) => {
      if (readStartupPacket(bytes)?.packet.type !== 'ssl-request') return void socket.destroy()
      socket.write('S')
      secured.emit('connection', socket)
    })
  })
  async function serve(socket: TLSSocket): Promise<void> {
    const startup = await bytesOf(socket)
    const packet = readStartupPacket(startup)?.packet
    const user = packet?.type === 'startup' ? packet.parameters.get('user') : undefined
    if (user === certified && !socket.authorized) return void socket.end(failure('no client certificate'))
    if (user !== undefined && user !== certified) {
      socket.write(CLEARTEXT_PASSWORD)
      const password = (await bytesOf(socket)).subarray(HEADER, -1).toString()
      passwords.push(password)
      if (cloud.refuses) return void socket.end(failure(`password authentication failed: ${password}`))
    }
    const real = connect(realPort, '127.0.0.1')
    open.add(real)
    real.on('error', () => socket.destroy())
    real.on('close', () => open.delete(real))
    real.write(startup)
    real.pipe(socket)
    socket.pipe(real)
    socket.on('close', () => real.destroy())
  }
  plain.listen(0, '127.0.0.1')
  await once(plain, 'listening')
  const cloud: CloudPostgres = {
    port: (plain.address() as AddressInfo).port,
    passwords,
    refuses: false,
    stop() {
      plain.close()
      for (const socket of open) socket.destroy()
    },
  }
  return cloud
}

/** The next message: each is waited for by the gateway's side, so that it comes alone. */
async function bytesOf(socket: TLSSocket): Promise<Buffer> {
  let bytes = Buffer.alloc(0)
  socket.resume()
  for (;;) {
    const [more] = (await once(socket, 'data')) as [Buffer]
    bytes = Buffer.concat([bytes, more])
    const isTagged = bytes[0] !== 0
    if (bytes.length >= HEADER && bytes.length >= bytes.readUInt32BE(isTagged ? 1 : 0) + (isTagged ? 1 : 0)) {
      socket.pause()
      return bytes
    }
  }
}

/** Spec: ErrorResponse. */
function failure(message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C28P01\0M${message}\0\0`)
  const header = Buffer.from('E\0\0\0\0')
  header.writeUInt32BE(fields.length + 4, 1)
  return Buffer.concat([header, fields])
}

/** Spec: AuthenticationCleartextPassword. */
const CLEARTEXT_PASSWORD = Buffer.from('R\0\0\0\x08\0\0\0\x03')
/** Bytes of the tag and the length of a message. */
const HEADER = 5
