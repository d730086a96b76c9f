import type { Codec } from '../../../wire/codec.ts'

/** Parse ('P'), sent by the client: prepares a statement. Spec: Message Formats, Parse. */
export interface Parse {
  readonly type: 'parse'
  /** '' names the unnamed statement. */
  readonly statement: string
  readonly sql: string
  /** OIDs; 0 lets the server infer. */
  readonly parameterTypes: readonly number[]
}

export const parse: Codec<Parse> = {
  tag: 0x50, // 'P'
  decode: (body) => ({
    type: 'parse',
    statement: body.cstring(),
    sql: body.cstring(),
    parameterTypes: body.list(body.uint16(), () => body.uint32()),
  }),
  encode(message, out) {
    out.cstring(message.statement)
    out.cstring(message.sql)
    out.uint16(message.parameterTypes.length)
    for (const oid of message.parameterTypes) out.uint32(oid)
  },
}
