import type { Statement, UtilityDetail } from '../../../../sql/query.ts'
import { isCounterSetting, isHarmlessStatus } from '../../dialect/counters.ts'
import type { ColumnDefinition } from '../../wire/column-definition.ts'
import { decodeValue, valueCharset } from '../../wire/value-charsets.ts'
import type { Rewrite, RowForm } from './hidden-values.ts'
import { rewriteBinaryRow, rewriteTextRow } from './rewrite-row.ts'
import { redacted, type RowMasking } from './row-masking.ts'

/** What a SHOW lists whose rows are values of the server or counts of rows; undefined of any other statement. */
export function listsOf(statement: Statement): UtilityDetail['lists'] {
  if (statement.kind !== 'utility') return undefined
  // SET STATEMENT … FOR returns what its statement does.
  return statement.detail.lists ?? statement.statements.map(listsOf).find((lists) => lists !== undefined)
}

/** Masks the rows of SHOW STATUS and SHOW VARIABLES, name and value, where the value changes with what statements read or write. */
export function listMasking(
  columns: readonly ColumnDefinition[],
  form: RowForm,
  lists: 'status' | 'settings',
): RowMasking {
  let isCounter = true
  const [nameColumn, valueColumn] = columns
  const charset = valueCharset(nameColumn?.collation ?? 0)
  const readName: Rewrite = (value) => {
    const name = value && charset && decodeValue(value, charset)?.text
    isCounter = typeof name !== 'string' || (lists === 'status' ? !isHarmlessStatus(name) : isCounterSetting(name))
    return undefined
  }
  const hide: Rewrite = () => (isCounter && valueColumn !== undefined ? redacted(valueColumn) : undefined)
  const rewrites = columns.length === 2 ? [readName, hide] : columns.map((): Rewrite => () => null)
  return form === 'text'
    ? (payload) => rewriteTextRow(payload, rewrites)
    : (payload) => rewriteBinaryRow(payload, columns, rewrites)
}
