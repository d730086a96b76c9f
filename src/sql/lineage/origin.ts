import type { ColumnMask } from '../../masking/plan.ts'
import type { Called } from '../called.ts'
import type { Constant, Parameter } from '../query.ts'

/** Where a value comes from, as far as masking cares. */
export interface Origin {
  /** The masked columns it depends on; none: it is shown as it is. */
  readonly masks: readonly ColumnMask[]
  /** It is the value of one such column, unchanged; otherwise something was made of it, and no part may be shown. */
  readonly direct: boolean
  /** The server's name of its type, where that is certain. */
  readonly type?: string | undefined
}

export const PLAIN: Origin = { masks: [], direct: false }

/** It depends on one masked column at least. */
export interface MaskedOrigin extends Origin {
  readonly masks: readonly [ColumnMask, ...ColumnMask[]]
}

export const isMasked = (origin: Origin): origin is MaskedOrigin => origin.masks.length > 0

/** The value of a masked column itself. */
export const valueOf = (mask: ColumnMask, type?: string): Origin => ({ masks: [mask], direct: true, type })

/** The same, known to be of this type. */
export const typed = (origin: Origin, type: string | undefined): Origin =>
  origin.masks.length === 0 || type === undefined ? origin : { ...origin, type }

/** Something made of all of these. */
export function madeOf(origins: readonly Origin[]): Origin {
  const masks = new Set(origins.flatMap((origin) => origin.masks))
  return masks.size === 0 ? PLAIN : { masks: [...masks], direct: false }
}

/** One of these, unchanged: what UNION or COALESCE gives. Values of different columns lose their own style. */
export function oneOf(origins: readonly Origin[]): Origin {
  const masked = origins.filter(isMasked)
  const [first] = masked
  if (first === undefined) return PLAIN
  const same = masked.every(({ direct, masks }) => direct && masks.length === 1 && masks[0] === first.masks[0])
  return same ? first : typed(madeOf(masked), masked.every(({ type }) => type === first.type) ? first.type : undefined)
}

export const repeat = (origin: Origin, count: number): Origin[] => Array.from({ length: count }, () => origin)

/** A result column; `repeats`: it stands for an unknown number of columns, all of one origin. */
export interface Output extends Called {
  readonly origin: Origin
  readonly repeats?: true
  /** Definitions may have changed since the catalogs were read, also those of the relations that the server says columns are of. */
  readonly stale?: true
  /** The server's name of its type, where that is certain. */
  readonly type?: string | undefined
  /** Equal values of it look the same. */
  readonly exact?: boolean
  /** It is this constant or parameter as it stands, of whatever type. */
  readonly given?: Constant | Parameter
  /** It is evaluated where it is used, and may fail there: a column of a view or a subquery. */
  readonly fails?: boolean
  /** No star stands for it, and an INSERT without a list of columns leaves it out. */
  readonly invisible?: boolean
}

export const repeated = (origin: Origin, fails = false): Output => ({ name: undefined, origin, repeats: true, fails })

/** The origins of exactly `count` columns, or undefined where the list cannot be that long. */
export function fitOutputs(outputs: readonly Output[], count: number): Origin[] | undefined {
  const spreads = outputs.filter((output) => output.repeats === true).length
  if (spreads > 0 && !outputs.some(({ origin }) => isMasked(origin))) return repeat(PLAIN, count)
  if (spreads === 0) return outputs.length === count ? outputs.map(({ origin }) => origin) : undefined
  const filled = count - (outputs.length - spreads)
  if (spreads > 1 || filled < 0) return undefined
  return outputs.flatMap(({ origin, repeats: unknownCount }) =>
    unknownCount === true ? repeat(origin, filled) : [origin],
  )
}

/** In which orders the server gives rows of a relation without being asked. */
export interface ReadOrders {
  /** The primary key: sorted by it, rows have one order; undefined where there is none. */
  readonly key: readonly string[] | undefined
  /** Columns of each index in order, with what they tell. */
  readonly indexes: readonly { readonly columns: readonly string[]; readonly origins: readonly Origin[] }[]
  /** Of a view: what the order of its rows tells in any case. */
  readonly always: Origin
}
