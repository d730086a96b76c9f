import { readFileSync } from 'node:fs'
import { text as readAll } from 'node:stream/consumers'
import { UsageError } from '../../shared/errors.ts'
import { fileProblem } from '../../shared/file-problem.ts'
import type { ProgramStreams } from '../surroundings.ts'

/** A file of statements, or standard input for `-`. */
export async function readSql(file: string, { stdin }: Pick<ProgramStreams, 'stdin'>): Promise<string> {
  if (file === '-') return readAll(stdin)
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(fileProblem(file, error))
  }
}

/**
 * Refuses what is not for the server to run as one text: commands of psql itself, and COPY with the client, which would have to be read and written in the
 * middle. Such words within a constant of several lines are refused as well: the text is not parsed here.
 * @throws UsageError with the line
 */
export function needPlainSql(sql: string): void {
  if (sql.trim() === '') throw new UsageError('the file has no statement')
  for (const { pattern, what } of NOT_PLAIN) {
    const at = pattern.exec(sql)
    if (at === null) continue
    const line = sql.slice(0, at.index).split('\n').length
    throw new UsageError(
      `line ${line}: ${what(at[1] ?? '')} cannot be part of a batch`,
      'use psql: pamctl connect NAME -- psql',
    )
  }
}

const NOT_PLAIN: readonly { readonly pattern: RegExp; readonly what: (found: string) => string }[] = [
  { pattern: /^[ \t]*(\\\S+)/m, what: (found) => `${found}, a command of psql,` },
  {
    pattern: /\bcopy\b[^;]{0,1000}?\b(from\s+stdin|to\s+stdout)\b/i,
    what: (found) => `COPY ${found.toUpperCase().replaceAll(/\s+/g, ' ')}`,
  },
]
