import type { RowsEvent } from '../../../src/recording/event.ts'
import { count } from '../../lib/format.ts'

/**
 * What the record has of an answer to a request of HTTP or Kubernetes, for people: heads, trailers, bodies and messages stand there as rows with columns of
 * these names; objects and lines of Kubernetes without.
 */
export function answerPart({ columns, rows, cut }: Pick<RowsEvent, 'columns' | 'rows' | 'cut'>): {
  readonly summary: string
  readonly lines: readonly string[]
} {
  const [first = ''] = columns ?? []
  const pairs = rows.map(([name, value]) => `${name ?? ''}: ${value ?? ''}`)
  switch (first) {
    case 'header': {
      const status = rows[0]?.[1] ?? ''
      return { summary: `Status ${status}, ${count(rows.length - 1, 'header')}`, lines: pairs.slice(1) }
    }
    case 'trailer':
      return { summary: count(rows.length, 'trailer'), lines: pairs }
    case 'body':
      return {
        summary: cut === true ? 'Beginning of the body' : 'Body',
        lines: rows.map(([text]) => text ?? ''),
      }
    case 'direction':
      return {
        summary: 'Messages, counted',
        lines: rows.map(
          ([direction, messages, bytes, sha256]) =>
            `${direction ?? ''}: ${count(Number(messages), 'message')}, ${count(Number(bytes), 'byte')}, SHA-256 ${sha256 ?? ''}`,
        ),
      }
    default: {
      const isMessage = rows.every((row) => row.length === 3)
      const what = isMessage ? count(rows.length, 'message') : count(rows.length, 'line')
      return {
        summary: `${cut === true ? 'The first ' : ''}${what}`,
        lines: rows.map((row) => row.map((value) => value ?? '').join(' ')),
      }
    }
  }
}
