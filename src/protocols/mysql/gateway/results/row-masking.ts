import type { ColumnMask } from '../../../../masking/plan.ts'
import { maskValue, type HashKeys } from '../../../../masking/replace.ts'
import {
  fitOutputs,
  isMasked,
  madeOf,
  PLAIN,
  valueOf,
  type MaskedOrigin,
  type Origin,
  type Output,
} from '../../../../sql/lineage/origin.ts'
import type { MaskingScope } from '../../../../sql/masking/masking-scope.ts'
import { columnFlags, columnTypes as types, type ColumnDefinition } from '../../wire/column-definition.ts'
import { decodeValue, valueCharset } from '../../wire/value-charsets.ts'
import { hiddenValues, type Rewrite, type RowForm } from './hidden-values.ts'
import { rewriteBinaryRow, rewriteTextRow } from './rewrite-row.ts'

/** What a session's rows are masked with. */
export interface Masker {
  readonly scope: Pick<MaskingScope, 'plan' | 'anything' | 'sources'>
  readonly keys: HashKeys
}

/** Turns the payload of a row into what the client gets. Throws a WireError if the row does not have these columns. */
export type RowMasking = (payload: Buffer) => Buffer

/**
 * The masking of a result's rows; `untouched` if all bytes of every row pass unchanged. `outputs` has the origin of each column, undefined
 * if unknown. `accounts`: columns with the name of the account, which may look like an address.
 */
export function rowMasking(
  columns: readonly ColumnDefinition[],
  form: RowForm,
  outputs: readonly Output[] | undefined,
  masker: Masker,
  accounts: ReadonlySet<number> = NONE,
): RowMasking | 'untouched' {
  const rewrites = columnRewrites(columns, form, outputs, masker, accounts)
  if (rewrites.every((rewrite) => rewrite === undefined)) return 'untouched'
  return form === 'text'
    ? (payload) => rewriteTextRow(payload, rewrites)
    : (payload) => rewriteBinaryRow(payload, columns, rewrites)
}

function columnRewrites(
  columns: readonly ColumnDefinition[],
  form: RowForm,
  outputs: readonly Output[] | undefined,
  masker: Masker,
  accounts: ReadonlySet<number>,
): readonly (Rewrite | undefined)[] {
  const { scope, keys } = masker
  const hides = scope.plan.columns.length > 0
  const origins = hides && outputs !== undefined ? fitOutputs(outputs, columns.length) : undefined
  return columns.map((column, index) => {
    const origin = hides ? originOf(column, origins?.[index] ?? scope.anything, scope) : PLAIN
    if (isMasked(origin)) return maskColumn(origin, column, keys)
    return accounts.has(index) ? undefined : hiddenValues(column, form, { kinds: scope.plan.kinds, keys })
  })
}

/**
 * The server's description of a column can only make it more restricted: a column that it names as masked is masked whatever the text says,
 * and where it names no column the value was computed, and no part of it may be shown.
 */
function originOf(column: ColumnDefinition, read: Origin, scope: Masker['scope']): Origin {
  const said = named(column, scope)
  if (!isMasked(said)) return column.originalName === '' ? madeOf([read]) : read
  const isSame =
    isMasked(read) &&
    said.direct &&
    [...read.masks, ...said.masks].every(({ name }) => name.toLowerCase() === said.masks[0].name.toLowerCase())
  return isSame ? read : madeOf([read, said])
}

/** The origin of the column that the server names, which may be a view's; plain if it names none that is known. */
function named({ schema, originalTable, originalName }: ColumnDefinition, { plan, sources }: Masker['scope']): Origin {
  if (originalTable === '' || originalName === '') return PLAIN
  // The first rule applies, as where columns are found in the catalogs.
  const own = plan.columns.find(
    (masked) =>
      matches(masked.schema, schema) && matches(masked.table, originalTable) && matches(masked.column, originalName),
  )
  if (own !== undefined) return valueOf({ ...own, name: `${schema}.${originalTable}.${originalName}` })
  if (schema === '') return PLAIN
  const outputs = sources.relation({ schema, name: originalTable })
  return outputs.find(({ name }) => name?.toLowerCase() === originalName.toLowerCase())?.origin ?? PLAIN
}

/** Ignores case, whatever the server does: this can only mask more. */
const matches = (wanted: string, name: string): boolean => wanted === '*' || wanted.toLowerCase() === name.toLowerCase()

function maskColumn({ masks, direct }: MaskedOrigin, column: ColumnDefinition, keys: HashKeys): Rewrite {
  const [mask] = masks
  const text = textForm(column)
  // A value computed from a masked one always looks the same, even if it is NULL.
  if (!direct) return text === 'text' ? () => redacted(column) : () => null
  // A value that is not text cannot contain asterisks: it becomes NULL.
  if (text === undefined || mask.style === 'null') return () => null
  return (value) => (value === null ? undefined : styled(value, column, mask, keys))
}

function styled(value: Buffer, column: ColumnDefinition, mask: ColumnMask, keys: HashKeys): Buffer | null {
  const isJson = textForm(column) === 'json'
  const charset = isJson ? 'utf8' : valueCharset(column.collation)
  const decoded = charset && decodeValue(value, charset)
  if (decoded === undefined) return isJson ? null : redacted(column)
  const masked = maskValue(decoded.text, mask.style, { key: keys[mask.hashScope], scope: mask.name })
  if (masked === null) return null
  return isJson ? (decoded.encode(JSON.stringify(masked)) ?? null) : (decoded.encode(masked) ?? redacted(column))
}

/** The asterisks in the column's character set. */
export function redacted(column: ColumnDefinition): Buffer | null {
  const charset = valueCharset(column.collation)
  return (charset && decodeValue(EMPTY, charset)?.encode(REDACTED)) ?? null
}

/** How a column can contain asterisks: as text of a known character set, or as a string in JSON. */
function textForm({ type, flags, collation }: ColumnDefinition): 'text' | 'json' | undefined {
  if (type === types.json) return 'json'
  if (!TEXTS.has(type) || (flags & (columnFlags.enum | columnFlags.set)) !== 0) return undefined
  return valueCharset(collation) === undefined ? undefined : 'text'
}

const NONE: ReadonlySet<number> = new Set()
const REDACTED = '****'
const EMPTY = Buffer.alloc(0)
const TEXTS = new Set<number>([
  types.varchar,
  types.varString,
  types.string,
  types.tinyBlob,
  types.mediumBlob,
  types.longBlob,
  types.blob,
])
