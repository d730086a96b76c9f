/** How much relations hold, and what rests on them. */
export interface RelationSizes {
  /** Rows, as the server estimates them. */
  readonly rows: number
  /** Relations of which it has no estimate. */
  readonly unread: number
  /** Bytes on disk, with indexes. */
  readonly bytes: number
  /** Views that read them. */
  readonly views: number
  /** Foreign keys of other tables that refer to them. */
  readonly keys: number
}

/**
 * Sizes in words: `about 12,431 rows, 3.4 MB on disk; 2 views depend on it`. `unreadWhy`: why a server has no estimate. Undefined for what no
 * server can mean: people decide by these numbers, so nothing but counts is passed on.
 */
export function sizesInWords(sizes: RelationSizes, unreadWhy?: string): string | undefined {
  const { rows, unread, bytes, views, keys } = sizes
  if (![rows, unread, bytes, views, keys].every((value) => Number.isSafeInteger(value) && value >= 0)) return undefined
  const size =
    unread > 0 && rows === 0
      ? `number of rows unknown${unreadWhy === undefined ? '' : ` (${unreadWhy})`}`
      : `about ${counted(rows, 'row')}${unread > 0 ? ', of some relations unknown' : ''}`
  const dependants = dependantsInWords(sizes)
  return `${size}, ${inUnits(bytes)} on disk${dependants === undefined ? '' : `; ${dependants}`}`
}

/** `2 views and 1 foreign key of another table depend on it`; undefined if nothing does. */
export function dependantsInWords({ views, keys }: Pick<RelationSizes, 'views' | 'keys'>): string | undefined {
  const dependants = [
    ...(views > 0 ? [counted(views, 'view')] : []),
    ...(keys > 0 ? [counted(keys, 'foreign key of another table', 'foreign keys of other tables')] : []),
  ]
  if (dependants.length === 0) return undefined
  return `${dependants.join(' and ')} ${views + keys === 1 ? 'depends' : 'depend'} on it`
}

const counted = (value: number, one: string, many = `${one}s`): string =>
  `${value.toLocaleString('en-US')} ${value === 1 ? one : many}`

function inUnits(bytes: number): string {
  let unit = 0
  let value = bytes
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`
}

const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB']
