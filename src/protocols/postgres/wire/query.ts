import type { Codec } from '../../../wire/codec.ts'

/** Query ('Q'), sent by the client: one or more statements in one text. Spec: Message Formats, Query. */
export interface Query {
  readonly type: 'query'
  readonly sql: string
}

export const query: Codec<Query> = {
  tag: 0x51, // 'Q'
  decode: (body) => ({ type: 'query', sql: body.cstring() }),
  encode: (message, out) => out.cstring(message.sql),
}
