/** The target of a KILL: a connection of the same person, or its query. */
export interface Kill {
  readonly of: 'query' | 'connection'
  readonly id: number
}

/**
 * Undefined for forms that clients do not send: by the name of a user, by the id of a query, or with an expression. Source: MySQL, KILL
 * Statement; MariaDB, KILL.
 */
export function killOf(sql: string): Kill | undefined {
  if (sql.length > MAX_KILL_BYTES) return undefined
  const match = /^\s*kill\s+(?:(?:hard|soft)\s+)?(?:(query|connection)\s+)?(\d{1,10})\s*;?\s*$/i.exec(sql)
  if (match === null) return undefined
  return { of: match[1]?.toLowerCase() === 'query' ? 'query' : 'connection', id: Number(match[2]) }
}

/** For a text: KILL may be followed by megabytes of spaces. */
export const MAX_KILL_BYTES = 200
