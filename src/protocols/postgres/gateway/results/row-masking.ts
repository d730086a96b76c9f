import { type MaskedOrigin } from '../../../../sql/lineage/origin.ts'
import { hasEscapes } from '../../../../masking/escapes.ts'
import { maskBytes } from '../../../../masking/mask-bytes.ts'
import type { ColumnMask } from '../../../../masking/plan.ts'
import { maskKinds, maskValue, type HashKeys } from '../../../../masking/replace.ts'
import { formatAt, type Format } from '../../wire/bind.ts'
import { rewriteCopyRow, type CopyFormat } from '../../wire/copy-row.ts'
import type { Rewrite } from '../../wire/data-row.ts'
import type { Column } from '../../wire/row-description.ts'
import { hiddenValues, type ValueSearch } from './hidden-values.ts'
import type { MaskingScope } from '../../masking/scope.ts'
import { fitOutputs, isMasked, madeOf, PLAIN, repeat, type Output } from '../../../../sql/lineage/origin.ts'

/** What a session's rows are masked with. */
export interface Masker {
  readonly scope: MaskingScope
  readonly keys: HashKeys
}

/** The rewrites of one result, with their inputs: equal inputs need no second computation. */
export interface KnownRewrites {
  readonly columns: readonly Column[]
  readonly formats: readonly Format[]
  readonly outputs: readonly Output[] | undefined
  readonly scope: MaskingScope
  readonly plan: boolean
  readonly rewrites: RowRewrites
}

/** One per column; `untouched` where all bytes of every row pass as they are. */
export type RowRewrites = readonly (Rewrite | undefined)[] | 'untouched'

/** As `rowRewrites`, for a statement that runs repeatedly. */
export function knownRewrites(
  of: { rewrites?: KnownRewrites },
  columns: readonly Column[],
  formats: readonly Format[],
  outputs: readonly Output[] | undefined,
  masker: Masker,
  plan: boolean,
): RowRewrites {
  const { scope } = masker
  const known = of.rewrites
  if (
    known !== undefined &&
    known.columns === columns &&
    known.outputs === outputs &&
    known.scope === scope &&
    known.plan === plan &&
    known.formats.length === formats.length &&
    known.formats.every((format, index) => format === formats[index])
  )
    return known.rewrites
  const rewrites = rowRewrites(columns, formats, outputs, masker, plan)
  of.rewrites = { columns, formats, outputs, scope, plan, rewrites }
  return rewrites
}

/** What to do with each column of a result; undefined for a column whose bytes pass untouched. */
export function rowRewrites(
  columns: readonly Column[],
  formats: readonly Format[] | undefined,
  outputs: readonly Output[] | undefined,
  masker: Masker,
  plan = false,
): RowRewrites {
  const { scope } = masker
  const hides = scope.plan.columns.length > 0
  const origins = hides && outputs !== undefined ? fitOutputs(outputs, columns.length) : undefined
  const isStale = outputs?.some(({ stale }) => stale === true) === true
  const rewrites = columns.map((column, index) => {
    const format = formats === undefined ? (column.format as Format) : formatAt(formats, index)
    // For a column of a relation the server's description is certain, as long as that relation is as it was. Other columns are traced through the text of the statement: only a
    // column that the server describes as the masked one may be shown in part or by its style.
    const origin = !hides
      ? PLAIN
      : column.tableOid === 0 || isStale
        ? madeOf([origins?.[index] ?? scope.anything])
        : scope.originAt(column.tableOid, column.attribute)
    if (plan && !isMasked(origin)) return withoutWidths
    if (isMasked(origin)) return maskColumn(origin, column.typeOid, format, masker)
    return hiddenValues(column.typeOid, format, searchOf(masker))
  })
  return rewrites.some((rewrite) => rewrite !== undefined) ? rewrites : 'untouched'
}

const searchOf = ({ scope, keys }: Masker): ValueSearch => ({ kinds: scope.plan.kinds, keys, types: scope.types })

/** The planner's widths are averages of the values' lengths. */
const withoutWidths: Rewrite = (value) =>
  value === null
    ? undefined
    : Buffer.from(value.toString('latin1').replace(/(\bwidth=|Plan[ -]Width["'>]*:? ?)\d+/g, '$10'), 'latin1')

function maskColumn({ masks, direct }: MaskedOrigin, typeOid: number, format: Format, { keys }: Masker): Rewrite {
  const text = TEXT_TYPES.has(typeOid) && !RIGID.has(typeOid) && !(format === 1 && typeOid === JSONB)
  const [mask] = masks
  // A value computed from a masked one is replaced by a constant, even where it is NULL.
  if (!direct) return text && !STRUCTURED.has(typeOid) ? () => REDACTED : () => null
  // A type that is not text cannot contain asterisks: it becomes NULL.
  if (!text || mask.style === 'null') return () => null
  return STRUCTURED.has(typeOid)
    ? (value) => {
        const masked = value === null ? null : styled(value, mask, keys)
        return masked && Buffer.from(JSON.stringify(masked.toString('utf8')))
      }
    : styledText(mask, keys)
}

/** Masks a text value, on its bytes where possible. */
function styledText(mask: ColumnMask, keys: HashKeys): Rewrite {
  const rewrite = (value: Buffer | null): Buffer | null => (value === null ? null : styled(value, mask, keys))
  const direct = maskBytes(mask.style)
  return direct === undefined ? rewrite : Object.assign(rewrite, { direct })
}

function styled(value: Buffer, mask: ColumnMask, keys: HashKeys): Buffer | null {
  const masked = maskValue(value.toString('utf8'), mask.style, { key: keys[mask.hashScope], scope: mask.name })
  return masked === null ? null : Buffer.from(masked, 'utf8')
}

/** The format and content of the rows of one COPY TO. */
export interface CopiedRows {
  readonly format: CopyFormat | undefined
  readonly outputs: readonly Output[] | undefined
  /** The types of the fields, where they are known. */
  readonly types: readonly (number | undefined)[] | undefined
}

/** One row of COPY TO: columns are masked by origin, and kinds by content in the others. Undefined: it must not pass. */
export function maskCopyRow(row: Buffer, copied: CopiedRows, masker: Masker): Buffer | undefined {
  const { format } = copied
  const { plan } = masker.scope
  if (format === undefined) return undefined
  if (plan.columns.length === 0 && passesUnread(row, copied, masker)) return row
  return rewriteCopyRow(row, format, (count) => copyRewrites(count, copied, masker))
}

/** Whether a row has no escapes and contains nothing to hide, as most rows. */
function passesUnread(row: Buffer, { format, types }: CopiedRows, { scope, keys }: Masker): boolean {
  if (format === undefined || format.format === 'binary' || types === undefined) return false
  if (scope.plan.kinds.some(({ kind }) => typeof kind !== 'string')) return false
  const isPlain = types.every((oid) => {
    const form = oid === undefined ? undefined : scope.types.get(oid)?.form
    return form === 'text' || form === 'fixed' || form === 'int8' || form === 'numeric' || form === 'inet'
  })
  if (!isPlain || row.includes(format.format === 'csv' ? format.quote : '\\')) return false
  const text = row.toString('utf8')
  return !hasEscapes(text) && maskKinds(text, scope.plan.kinds, keys) === undefined
}

/** The rewrites of `count` fields of COPY; undefined for fields that pass unchanged. */
export function copyRewrites(
  count: number,
  { format, outputs, types }: CopiedRows,
  masker: Masker,
): (Rewrite | undefined)[] {
  const { scope, keys } = masker
  const binary = format?.format === 'binary'
  const origins =
    scope.plan.columns.length === 0
      ? repeat(PLAIN, count)
      : ((outputs && fitOutputs(outputs, count)) ?? repeat(scope.anything, count))
  return origins.map((origin, index) => {
    const typeOid = types?.length === count ? types[index] : undefined
    if (!isMasked(origin)) return hiddenValues(typeOid, binary ? 1 : 0, searchOf(masker))
    const [mask] = origin.masks
    // In binary format only NULL is valid for every type.
    if (binary || (origin.direct && mask.style === 'null')) return () => null
    return origin.direct ? styledText(mask, keys) : () => REDACTED
  })
}

const REDACTED = Buffer.from('****')

const JSONB = 3802
/** json and jsonb: text with a form of its own. */
const STRUCTURED = new Set([114, JSONB])
/** xml and "char" are sent as text, but asterisks are not valid in them. */
const RIGID = new Set([142, 18])
/** text, varchar, bpchar, name, xml, json, "char", unknown; and jsonb, whose text form is text. Source: pg_type.dat. */
const TEXT_TYPES = new Set([25, 1043, 1042, 19, 142, 114, 18, 705, JSONB])
