import type { Codec } from '../../../wire/codec.ts'
import { WireError } from '../../../wire/wire-error.ts'

/** A format code: 0 text, 1 binary. */
export type Format = 0 | 1

/** Bind ('B'), sent by the client: gives a prepared statement its parameters. Spec: Message Formats, Bind. */
export interface Bind {
  readonly type: 'bind'
  /** '' names the unnamed portal. */
  readonly portal: string
  readonly statement: string
  /** Empty: all are text; one: it applies to all; otherwise one for each parameter. */
  readonly parameterFormats: readonly Format[]
  /** Views into the message; null is SQL NULL. */
  readonly parameters: readonly (Buffer | null)[]
  readonly resultFormats: readonly Format[]
}

export const bind: Codec<Bind> = {
  tag: 0x42, // 'B'
  decode(body) {
    const format = (): Format => {
      const code = body.uint16()
      if (code !== 0 && code !== 1) throw new WireError(`Bind: ${code} is not a format code`)
      return code
    }
    const portal = body.cstring()
    const statement = body.cstring()
    const parameterFormats = body.list(body.uint16(), format)
    const parameters = body.list(body.uint16(), () => {
      const length = body.int32()
      return length === -1 ? null : body.bytes(length)
    })
    if (parameterFormats.length > 1 && parameterFormats.length !== parameters.length) {
      throw new WireError(`Bind: ${parameterFormats.length} formats for ${parameters.length} parameters`)
    }
    return {
      type: 'bind',
      portal,
      statement,
      parameterFormats,
      parameters,
      resultFormats: body.list(body.uint16(), format),
    }
  },
  encode(message, out) {
    out.cstring(message.portal)
    out.cstring(message.statement)
    out.uint16(message.parameterFormats.length)
    for (const format of message.parameterFormats) out.uint16(format)
    out.uint16(message.parameters.length)
    for (const value of message.parameters) {
      out.int32(value === null ? -1 : value.length)
      if (value !== null) out.bytes(value)
    }
    out.uint16(message.resultFormats.length)
    for (const format of message.resultFormats) out.uint16(format)
  },
}

/** The format of the i-th value, with the shorthand that Bind allows. */
export function formatAt(formats: readonly Format[], index: number): Format {
  return (formats.length > 1 ? formats[index] : formats[0]) ?? 0
}
