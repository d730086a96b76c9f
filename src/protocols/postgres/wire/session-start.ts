import type { Codec } from '../../../wire/codec.ts'
import { WireError } from '../../../wire/wire-error.ts'

/** I idle, T in a transaction, E in a failed one. */
export type TransactionStatus = 'I' | 'T' | 'E'

/** ParameterStatus ('S'), sent by the server: a setting that it reports. Spec: Message Formats. */
export interface ParameterStatus {
  readonly type: 'parameter-status'
  readonly name: string
  readonly value: string
}

export const parameterStatusCodec: Codec<ParameterStatus> = {
  tag: 0x53, // 'S'
  decode: (body) => ({ type: 'parameter-status', name: body.cstring(), value: body.cstring() }),
  encode(message, out) {
    out.cstring(message.name)
    out.cstring(message.value)
  },
}

/** BackendKeyData ('K'), sent by the server: what a cancel request must name. Spec: Message Formats. */
export interface BackendKeyData {
  readonly type: 'backend-key-data'
  readonly processId: number
  /** 4 bytes in protocol 3.0, up to 256 in 3.2. */
  readonly secretKey: Buffer
}

export const backendKeyDataCodec: Codec<BackendKeyData> = {
  tag: 0x4b, // 'K'
  decode(body) {
    const processId = body.uint32()
    const secretKey = Buffer.from(body.rest())
    if (secretKey.length < 4 || secretKey.length > 256)
      throw new WireError('BackendKeyData: a secret key has 4 to 256 bytes')
    return { type: 'backend-key-data', processId, secretKey }
  },
  encode(message, out) {
    out.uint32(message.processId)
    out.bytes(message.secretKey)
  },
}

/** ReadyForQuery ('Z'), sent by the server. Spec: Message Formats. */
export interface ReadyForQuery {
  readonly type: 'ready-for-query'
  readonly status: TransactionStatus
}

export const readyForQueryCodec: Codec<ReadyForQuery> = {
  tag: 0x5a, // 'Z'
  decode(body) {
    const status = String.fromCharCode(body.uint8())
    if (status !== 'I' && status !== 'T' && status !== 'E')
      throw new WireError('ReadyForQuery: no such transaction status')
    return { type: 'ready-for-query', status }
  },
  encode: (message, out) => out.uint8(message.status.charCodeAt(0)),
}
