/**
 * How a connection is turned away before it has keys: the identification (RFC 4253, 4.2), then SSH_MSG_DISCONNECT (11.1) in the clear,
 * which a client takes before the key exchange, too. The client need not have said anything yet.
 */
export function refuse(
  _bytes: Buffer,
  reason: { message: string; hint?: string | undefined },
): { reply: Buffer; taken: number; done: boolean } {
  return {
    reply: Buffer.concat([Buffer.from('SSH-2.0-pamctl\r\n'), disconnectPacket(reason)]),
    taken: 0,
    done: true,
  }
}

/** In the clear: for as long as there are no keys. */
export function disconnectPacket(reason: { message: string; hint?: string | undefined }): Buffer {
  return packet(disconnect(reason.hint === undefined ? reason.message : `${reason.message} (${reason.hint})`))
}

function disconnect(text: string): Buffer {
  const description = Buffer.from(text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text)
  const head = Buffer.alloc(9)
  head.writeUInt8(MSG_DISCONNECT, 0)
  head.writeUInt32BE(BY_APPLICATION, 1)
  head.writeUInt32BE(description.length, 5)
  return Buffer.concat([head, description, Buffer.alloc(4)]) // with an empty language tag
}

/** RFC 4253, 6: padded to a multiple of eight, with four bytes of padding at least. */
function packet(payload: Buffer): Buffer {
  const unpadded = 5 + payload.length
  const padding = 8 - (unpadded % 8) + (unpadded % 8 > 4 ? 8 : 0)
  const out = Buffer.alloc(unpadded + padding)
  out.writeUInt32BE(1 + payload.length + padding, 0)
  out.writeUInt8(padding, 4)
  payload.copy(out, 5)
  return out
}

const MSG_DISCONNECT = 1
const BY_APPLICATION = 11
/** ssh shows no more than 400 bytes of it. */
const MAX_TEXT = 390
