import type { Codec } from '../../../wire/codec.ts'

/** SASLInitialResponse ('p'), sent by the client: the mechanism it chose and its first message. Spec: Message Formats. */
export interface SaslInitialResponse {
  readonly type: 'sasl-initial-response'
  readonly mechanism: string
  readonly data: Buffer
}

export const saslInitialResponse: Codec<SaslInitialResponse> = {
  tag: 0x70, // 'p'
  decode(body) {
    const mechanism = body.cstring()
    const length = body.int32()
    return { type: 'sasl-initial-response', mechanism, data: Buffer.from(body.bytes(Math.max(0, length))) }
  },
  encode(message, out) {
    out.cstring(message.mechanism)
    out.int32(message.data.length)
    out.bytes(message.data)
  },
}

/** SASLResponse ('p'), sent by the client: a later message of the exchange. Spec: Message Formats. */
export interface SaslResponse {
  readonly type: 'sasl-response'
  readonly data: Buffer
}

export const saslResponse: Codec<SaslResponse> = {
  tag: 0x70, // 'p'
  decode: (body) => ({ type: 'sasl-response', data: Buffer.from(body.rest()) }),
  encode: (message, out) => out.bytes(message.data),
}
