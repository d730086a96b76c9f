import { PamError } from '../../../shared/errors.ts'
import { readHandshake } from '../websocket/handshake.ts'
import type { HttpCommand } from './read-command.ts'

/** Where a request asks for a WebSocket: with its opening handshake, or refused for what is wrong with that. */
export function withHandshake(command: HttpCommand): HttpCommand {
  const { head, request, refusal } = command
  if (request?.upgrade === undefined) return command
  const handshake = readHandshake(head.method, head.headers)
  return handshake instanceof PamError ? { ...command, refusal: refusal ?? handshake } : { ...command, handshake }
}
