import { PamError } from '../../../shared/errors.ts'
import type { MysqlTarget } from '../target.ts'
import { charsetOfCollation, decodeText } from '../wire/charsets.ts'
import type { Hello } from './greeting.ts'

/**
 * Checks the names of user and database against the target; they do not select anything. Throws if they do not match. `before`: what the
 * client first sent on the same connection, whose character set must stay.
 */
export function admitHello(
  hello: Pick<Hello, 'user' | 'database' | 'collation'>,
  target: Pick<MysqlTarget, 'user' | 'database'>,
  before = hello,
): void {
  if (hello.collation !== before.collation)
    throw new PamError('ENCODING_REFUSED', 'the collation cannot be changed together with the user', {
      hint: 'use SET NAMES',
    })
  const charset = charsetOfCollation(hello.collation)
  if (charset === undefined)
    throw new PamError('ENCODING_REFUSED', `collation ${hello.collation} is not supported: use utf8mb4`, {
      hint: 'set the connection to utf8mb4, utf8, latin1, ascii or binary',
    })
  const user = decodeText(hello.user, charset === 'binary' ? 'utf8mb4' : charset)
  if (user !== target.user)
    throw refused(
      `this target takes the user "${target.user}", not "${printable(user)}"`,
      `connect as user ${target.user}`,
    )
  if (hello.database === undefined || hello.database.length === 0) return
  const database = decodeText(hello.database, charset === 'binary' ? 'utf8mb4' : charset)
  if (database !== target.database)
    throw refused(
      `sessions on this target start in database "${target.database}", not in "${printable(database)}"`,
      `connect to database ${target.database}, and change it with USE`,
    )
}

const printable = (name: string | undefined): string => name?.replaceAll(/\p{C}/gu, '?').slice(0, 64) ?? '?'

const refused = (message: string, hint: string): PamError => new PamError('STARTUP_REFUSED', message, { hint })
