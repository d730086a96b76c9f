import { ByteReader } from '../../../wire/byte-reader.ts'
import { ByteWriter } from '../../../wire/byte-writer.ts'

/** AuthSwitchRequest, sent by the server: the server requires another method. Spec: Protocol::AuthSwitchRequest. */
export interface AuthSwitch {
  readonly plugin: string
  /** Data of the method, often a scramble followed by a zero. */
  readonly data: Buffer
}

/** Undefined for the request of servers before 4.1, which is one byte: that method is not supported. */
export function readAuthSwitch(payload: Buffer): AuthSwitch | undefined {
  const body = new ByteReader(payload, 'AuthSwitchRequest')
  body.uint8()
  if (body.left === 0) return undefined
  return { plugin: body.zeroTerminated().toString('latin1'), data: body.rest() }
}

export function encodeAuthSwitch({ plugin, data }: AuthSwitch): Buffer {
  const out = new ByteWriter()
  out.uint8(AUTH_SWITCH)
  out.cstring(plugin)
  out.bytes(data)
  return out.finish()
}

export const AUTH_SWITCH = 0xfe
