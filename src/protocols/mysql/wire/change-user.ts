import { ByteReader } from '../../../wire/byte-reader.ts'
import { capabilities, has } from './capabilities.ts'
import { readAttributes, type HandshakeResponse } from './handshake-response.ts'

/** COM_CHANGE_USER, sent by the client: logs in again as if on a new connection. Spec: COM_CHANGE_USER. */
export type ChangeUser = Pick<HandshakeResponse, 'user' | 'authentication' | 'database' | 'plugin' | 'attributes'> & {
  readonly collation: number | undefined
}

/** `flags`: those of the connection. Everything after the name of the database may be omitted. */
export function readChangeUser(payload: Buffer, flags: number): ChangeUser {
  const body = new ByteReader(payload, 'COM_CHANGE_USER')
  body.uint8()
  const user = body.zeroTerminated()
  const authentication = has(flags, capabilities.secureConnection) ? body.bytes(body.uint8()) : body.zeroTerminated()
  const database = body.zeroTerminated()
  const collation = body.left > 0 ? body.uint16le() : undefined
  const plugin =
    body.left > 0 && has(flags, capabilities.pluginAuth) ? body.zeroTerminated().toString('latin1') : undefined
  const attributes = body.left > 0 && has(flags, capabilities.connectAttributes) ? readAttributes(body) : undefined
  body.end()
  return { user, authentication, database, collation, plugin, attributes }
}
