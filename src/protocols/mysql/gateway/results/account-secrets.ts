import type { ColumnDefinition } from '../../wire/column-definition.ts'
import type { Rewrite, RowForm } from './hidden-values.ts'
import { isString, rewriteBinaryRow, rewriteTextRow } from './rewrite-row.ts'
import type { RowMasking } from './row-masking.ts'

/**
 * SHOW GRANTS and SHOW CREATE USER return what the server checks the account's password with. The password could be guessed from it, and
 * under some methods it suffices to log in. It is hidden without any rule: the gateway's credentials never leave it.
 */
export function hideAccountSecrets(columns: readonly ColumnDefinition[], form: RowForm): RowMasking {
  const rewrites = columns.map(({ type }) => (isString(type) ? hideSecrets : undefined))
  return form === 'text'
    ? (payload) => rewriteTextRow(payload, rewrites)
    : (payload) => rewriteBinaryRow(payload, columns, rewrites)
}

/** Replaces bytes: everything around the secret stays as it is, in any character set. */
const hideSecrets: Rewrite = (value) => {
  if (value === null || !value.includes('IDENTIFIED')) return undefined
  return Buffer.from(value.toString('latin1').replace(SECRET, "$1 '<hidden>'"), 'latin1')
}

/** Source: MySQL, SHOW CREATE USER and print_identified_as_hex; MariaDB, SHOW GRANTS, CREATE USER. */
const SECRET = /\b(PASSWORD|USING|AS|BY)\s+(?:'(?:[^'\\]|\\.|'')*'|0x[\da-f]+)/gis
