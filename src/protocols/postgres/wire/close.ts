import type { Codec } from '../../../wire/codec.ts'
import { readSubject, writeSubject, type Subject } from './subject.ts'

/** Close ('C'), sent by the client: drops a statement or portal. Spec: Message Formats, Close. */
export interface Close extends Subject {
  readonly type: 'close'
}

export const close: Codec<Close> = {
  tag: 0x43, // 'C'
  decode: (body) => ({ type: 'close', ...readSubject(body, 'Close') }),
  encode: writeSubject,
}
