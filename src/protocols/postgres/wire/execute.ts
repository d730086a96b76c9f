import type { Codec } from '../../../wire/codec.ts'

/** Execute ('E'), sent by the client: runs a portal. Spec: Message Formats, Execute. */
export interface Execute {
  readonly type: 'execute'
  readonly portal: string
  /** 0 means no limit. */
  readonly maxRows: number
}

export const execute: Codec<Execute> = {
  tag: 0x45, // 'E'
  decode: (body) => ({ type: 'execute', portal: body.cstring(), maxRows: body.uint32() }),
  encode(message, out) {
    out.cstring(message.portal)
    out.uint32(message.maxRows)
  },
}
