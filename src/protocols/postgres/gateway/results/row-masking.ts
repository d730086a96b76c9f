import { maskBytes } from '../../../../masking/mask-bytes.ts'
import type { ColumnMask, MaskedKind } from '../../../../masking/plan.ts'
import { maskKinds, maskKindsInPlace, maskValue, type HashKeys } from '../../../../masking/replace.ts'
import { formatAt, type Format } from '../../wire/bind.ts'
import { rewriteCopyRow, type CopyFormat } from '../../wire/copy-row.ts'
import type { Rewrite } from '../../wire/data-row.ts'
import type { Column } from '../../wire/row-description.ts'
import type { MaskingScope } from '../../lineage/masking-scope.ts'
import { fitOutputs, isMasked, madeOf, PLAIN, repeat, type Origin, type Output } from '../../lineage/origin.ts'

/** What hides values in one session. */
export interface Masker {
  readonly scope: MaskingScope
  readonly keys: HashKeys
}

/** What one result needs, and what that was found out from: the same again needs no second look. */
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

/** As `rowRewrites`, for a statement whose rows come again and again. */
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
  const rewrites = columns.map((column, index) => {
    const format = formats === undefined ? (column.format as Format) : formatAt(formats, index)
    // What the server says of a column that is a relation's is certain. Any other is made of what the text says: only what the
    // server describes as the very column may be shown in part or by its style.
    const origin = !hides
      ? PLAIN
      : column.tableOid === 0
        ? madeOf([origins?.[index] ?? scope.anything])
        : scope.originAt(column.tableOid, column.attribute)
    if (plan && !isMasked(origin)) return withoutWidths
    if (isMasked(origin)) return maskColumn(origin, column.typeOid, format, masker)
    if (scope.plan.kinds.length === 0 || HARMLESS_TYPES.has(column.typeOid)) return undefined
    return findKinds(column.typeOid, format, masker)
  })
  return rewrites.some((rewrite) => rewrite !== undefined) ? rewrites : 'untouched'
}

/** The planner's widths are averages of the values' lengths. */
const withoutWidths: Rewrite = (value) =>
  value === null
    ? undefined
    : Buffer.from(value.toString('latin1').replace(/(\bwidth=|Plan[ -]Width["'>]*:? ?)\d+/g, '$10'), 'latin1')

function maskColumn({ masks, direct }: Origin, typeOid: number, format: Format, { keys }: Masker): Rewrite {
  const text = TEXT_TYPES.has(typeOid) && !RIGID.has(typeOid) && !(format === 1 && typeOid === JSONB)
  const [mask] = masks as [ColumnMask]
  // Something made of a masked value looks the same whatever it is, NULL included.
  if (!direct) return text && !STRUCTURED.has(typeOid) ? () => REDACTED : () => null
  // What is not text cannot carry asterisks: it becomes NULL.
  if (!text || mask.style === 'null') return () => null
  return STRUCTURED.has(typeOid)
    ? (value) => {
        const masked = value === null ? null : styled(value, mask, keys)
        return masked && Buffer.from(JSON.stringify(masked.toString('utf8')))
      }
    : styledText(mask, keys)
}

/** A text of a masked column, on its bytes where that can be done. */
function styledText(mask: ColumnMask, keys: HashKeys): Rewrite {
  const rewrite = (value: Buffer | null): Buffer | null => (value === null ? null : styled(value, mask, keys))
  const direct = maskBytes(mask.style)
  return direct === undefined ? rewrite : Object.assign(rewrite, { direct })
}

function styled(value: Buffer, mask: ColumnMask, keys: HashKeys): Buffer | null {
  const masked = maskValue(value.toString('utf8'), mask.style, { key: keys[mask.hashScope], scope: mask.name })
  return masked === null ? null : Buffer.from(masked, 'utf8')
}

function findKinds(typeOid: number, format: Format, { scope, keys }: Masker): Rewrite {
  const { kinds } = scope.plan
  const search = (value: Buffer): Buffer | null | undefined => {
    if (format === 0 || TEXT_TYPES.has(typeOid)) {
      const masked = maskKinds(value.toString('utf8'), kinds, keys)
      return masked === undefined ? undefined : nullUnlessText(masked, typeOid, kinds)
    }
    if (typeOid === INT8) {
      return value.length === 8 && maskKinds(value.readBigInt64BE().toString(), kinds, keys) !== undefined
        ? null
        : undefined
    }
    if (typeOid === NUMERIC) return maskKinds(numericDigits(value), kinds, keys) === undefined ? undefined : null
    if (typeOid === INET || typeOid === CIDR)
      return maskKinds(inetText(value), kinds, keys) === undefined ? undefined : null
    // Arrays, composites, ranges: text stands inside with lengths around it, so what is hidden keeps its length.
    const masked = maskKindsInPlace(value.toString('latin1'), kinds)
    return masked === undefined ? undefined : Buffer.from(masked, 'latin1')
  }
  return (value) => (value === null ? undefined : search(value))
}

function nullUnlessText(masked: string, typeOid: number, kinds: readonly MaskedKind[]): Buffer | null {
  if ([INT8, NUMERIC, INET, CIDR].includes(typeOid)) return null
  return kinds.every(({ style }) => style === 'null') ? null : Buffer.from(masked, 'utf8')
}

/** The digits before the point of a binary numeric: groups of four, base 10,000. Source: numeric_send in numeric.c. */
function numericDigits(value: Buffer): string {
  if (value.length < 8) return ''
  const count = value.readInt16BE(0)
  const weight = value.readInt16BE(2)
  if (count > 10 || weight > 10 || value.length < 8 + count * 2) return ''
  let digits = ''
  for (let i = 0; i <= weight; i++) {
    digits += String(i < count ? value.readInt16BE(8 + i * 2) : 0).padStart(4, '0')
  }
  return digits.replace(/^0+/, '')
}

/** Family, bits, whether cidr, length, address. Source: network_send in network.c. */
function inetText(value: Buffer): string {
  const address = value.subarray(4)
  if (address.length === 4) return [...address].join('.')
  return address.length === 16 ? (address.toString('hex').match(/.{4}/g) ?? []).join(':') : ''
}

/** One row of COPY TO: masked columns by where they come from, kinds by their content in what stays. */
export function maskCopyRow(
  row: Buffer,
  format: CopyFormat | undefined,
  outputs: readonly Output[] | undefined,
  masker: Masker,
): Buffer {
  const { scope, keys } = masker
  const rewritten =
    format === undefined ? row : rewriteCopyRow(row, format, (count) => copyRewrites(count, format, outputs, masker))
  if (scope.plan.kinds.length === 0) return rewritten
  const masked = maskKinds(rewritten.toString('utf8'), scope.plan.kinds, keys)
  return masked === undefined ? rewritten : Buffer.from(masked, 'utf8')
}

/** What to do with each of so many fields of COPY. */
export function copyRewrites(
  count: number,
  { format }: CopyFormat,
  outputs: readonly Output[] | undefined,
  { scope, keys }: Masker,
): (Rewrite | undefined)[] {
  const origins = (outputs && fitOutputs(outputs, count)) ?? repeat(scope.anything, count)
  return origins.map((origin) => {
    if (!isMasked(origin)) return undefined
    const [mask] = origin.masks as [ColumnMask]
    // The type of a column is not told: in binary only NULL fits every type.
    if (format === 'binary' || (origin.direct && mask.style === 'null')) return () => null
    return origin.direct ? styledText(mask, keys) : () => REDACTED
  })
}

const REDACTED = Buffer.from('****')

const INT8 = 20
const NUMERIC = 1700
const JSONB = 3802
const INET = 869
const CIDR = 650
/** json and jsonb: text with a form of its own. */
const STRUCTURED = new Set([114, JSONB])
/** xml and "char" are sent as text, but asterisks do not fit them. */
const RIGID = new Set([142, 18])
/** text, varchar, bpchar, name, xml, json, "char", unknown; and jsonb, whose text form is text. Source: pg_type.dat. */
const TEXT_TYPES = new Set([25, 1043, 1042, 19, 142, 114, 18, 705, JSONB])
/** bool, int2, int4, oid, float4/8, date, time(tz), timestamp(tz), interval, uuid: never an address or a card. */
const HARMLESS_TYPES = new Set([16, 21, 23, 26, 700, 701, 1082, 1083, 1266, 1114, 1184, 1186, 2950])
