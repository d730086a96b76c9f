/** What KILL is to end, of connections of the same person. */
export interface Kill {
  readonly of: 'query' | 'connection'
  readonly id: number
}

/**
 * Undefined where it is another form than those that clients send: by name of a user, by id of a query, or from an expression. Source:
 * MySQL, KILL Statement; MariaDB, KILL.
 */
export function killOf(sql: string): Kill | undefined {
  if (sql.length > MAX_KILL_BYTES) return undefined
  const match = /^\s*kill\s+(?:(?:hard|soft)\s+)?(?:(query|connection)\s+)?(\d{1,10})\s*;?\s*$/i.exec(sql)
  if (match === null) return undefined
  return { of: match[1]?.toLowerCase() === 'query' ? 'query' : 'connection', id: Number(match[2]) }
}

/** Of a text: behind KILL may stand spaces alone, megabytes of them. */
export const MAX_KILL_BYTES = 200
