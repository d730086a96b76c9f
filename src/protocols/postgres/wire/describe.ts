import type { Codec } from '../../../wire/codec.ts'
import { readSubject, writeSubject, type Subject } from './subject.ts'

/**
 * Describe ('D'), sent by the client: asks for the parameters of a statement or the columns of a portal. Spec: Message Formats, Describe.
 */
export interface Describe extends Subject {
  readonly type: 'describe'
}

export const describe: Codec<Describe> = {
  tag: 0x44, // 'D'
  decode: (body) => ({ type: 'describe', ...readSubject(body, 'Describe') }),
  encode: writeSubject,
}
