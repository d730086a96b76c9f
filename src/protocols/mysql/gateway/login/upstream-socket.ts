import type { Socket } from 'node:net'
import type { CredentialLease } from '../../../../credentials/credential.ts'
import { asError } from '../../../../shared/errors.ts'
import { MAX_MESSAGE_BYTES, TargetMessages, violation } from '../../../../gateway/target-messages.ts'
import { connectTarget, noTlsOffered, settledSocket, targetTls } from '../../../../gateway/target-socket.ts'
import { socketChannel } from '../../../../shared/socket-channel.ts'
import { capabilities, has } from '../../wire/capabilities.ts'
import { ERR } from '../../wire/err.ts'
import { encodePackets, Framer, payloadOf, type Frame } from '../../wire/framer.ts'
import { readHandshake, type Handshake } from '../../wire/handshake.ts'
import { encodeHandshakeResponse } from '../../wire/handshake-response.ts'
import type { MysqlTarget } from '../../target.ts'
import { refusalOf } from './refusal-of.ts'

/** A connection to a target that has greeted, encrypted if configured. */
export interface GreetedTarget {
  readonly messages: TargetMessages<Frame>
  readonly greeting: Handshake
  /** Whether the connection is encrypted. */
  readonly isEncrypted: boolean
  /** The sequence id of the next packet to send. */
  readonly sequence: number
}

/** What the request for TLS contains, and the response after it repeats. */
export interface Introduction {
  readonly capabilities: number
  readonly collation: number
}

/** Connects and reads the greeting; the request for TLS comes after it, in the clear. Spec: Connection Phase, SSL Handshake. */
export async function openTarget(
  config: MysqlTarget,
  { lease, baseDirectory }: { readonly lease: CredentialLease; readonly baseDirectory: string },
  introduction: Introduction,
  signal: AbortSignal,
): Promise<GreetedTarget> {
  const beginTls = targetTls(config, baseDirectory, { certificate: lease.clientCertificate })
  const socket = await connectTarget(config, signal)
  const greeting = await readGreeting(socket, signal)
  const messagesOf = (encrypted: Socket): TargetMessages<Frame> =>
    new TargetMessages(socketChannel(encrypted), signal, new Framer(MAX_MESSAGE_BYTES, 'the target'))
  if (beginTls === undefined) return { messages: messagesOf(socket), greeting, isEncrypted: false, sequence: 1 }
  if (!has(greeting.capabilities, capabilities.ssl)) {
    socket.destroy()
    throw noTlsOffered(config)
  }
  const request = encodeHandshakeResponse({
    type: 'tls-request',
    capabilities: introduction.capabilities | capabilities.ssl,
    maxPacket: MAX_PACKET_OFFERED,
    collation: introduction.collation,
  })
  socket.write(encodePackets(request, 1))
  const secure = await beginTls(socket, signal)
  return { messages: messagesOf(secure), greeting, isEncrypted: true, sequence: 2 }
}

/** Reads one packet with nothing after it: a server waits for the answer, so further bytes were injected. */
async function readGreeting(socket: Socket, signal: AbortSignal): Promise<Handshake> {
  const framer = new Framer(MAX_GREETING_BYTES, 'the target')
  const payload = await settledSocket<Buffer | Error>(socket, signal, (resolve) => {
    const frames: Frame[] = []
    const onData = (bytes: Buffer): void => {
      try {
        framer.push(bytes, (frame) => void frames.push(frame))
        const [frame] = frames
        if (frame === undefined) return
        socket.pause()
        const isAlone = frames.length === 1 && framer.isBetween && frame.sequence === 0
        resolve(isAlone ? Buffer.from(payloadOf(frame)) : violation('the target sent more than its greeting'))
      } catch (error) {
        resolve(asError(error))
      }
    }
    socket.on('data', onData)
    return () => socket.removeListener('data', onData)
  })
  try {
    if (payload instanceof Error) throw payload
    if (payload[0] === ERR) throw refusalOf(payload)
    return readHandshake(payload)
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** The maximum packet size that the gateway announces to the target, in bytes. */
export const MAX_PACKET_OFFERED = 0x4000_0000
const MAX_GREETING_BYTES = 4096
