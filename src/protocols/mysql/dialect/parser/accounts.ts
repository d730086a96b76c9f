import { Kind } from '../tokens.ts'
import type { Cursor } from './cursor.ts'

/** `'user'@'host'`, `user@host`, `user`, CURRENT_USER, CURRENT_ROLE: which account it is does not matter. */
export function readAccount(cursor: Cursor): void {
  if (cursor.takeAny('CURRENT_USER', 'CURRENT_ROLE') !== undefined) {
    if (cursor.takeSign('(')) cursor.expectSign(')')
    return
  }
  if (cursor.isText) cursor.at++
  else cursor.name()
  if (cursor.kind === Kind.userVariable) cursor.at++
}
