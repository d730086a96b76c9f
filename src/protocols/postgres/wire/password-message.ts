import type { Codec } from '../../../wire/codec.ts'

/** PasswordMessage ('p'), sent by the client in answer to AuthenticationCleartextPassword. Spec: Message Formats, PasswordMessage. */
export interface PasswordMessage {
  readonly type: 'password'
  readonly password: string
}

export const passwordMessage: Codec<PasswordMessage> = {
  tag: 0x70, // 'p'
  decode: (body) => ({ type: 'password', password: body.cstring() }),
  encode: (message, out) => out.cstring(message.password),
}
