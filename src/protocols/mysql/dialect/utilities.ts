import { wordList } from '../../../shared/word-list.ts'
import type { Utilities } from '../../../sql/dialect.ts'

const ROWS: ReadonlyMap<string, ReturnType<Utilities['rowsOf']>> = new Map([
  ...each('prepare', 'own-query'),
  ...each('create-view alter-view', 'none'),
  // Names, types, versions and states: nothing of any row.
  ...each('show-databases show-tables show-columns show-create show-variables show-status-names', 'unmasked'),
  ...each(
    'begin commit rollback savepoint release rollback-to set use lock unlock xa set-transaction deallocate kill',
    'none',
  ),
])

/**
 * Statements that are neither queries nor writes, by their kind as policies call it. What is not here may give rows made of anything: the
 * server has statements that show samples of rows, texts of others' statements, and the warnings of the one before.
 */
export const utilities: Utilities = {
  rowsOf: (kind) => ROWS.get(kind) ?? (DEFINES.test(kind) ? 'definition' : 'anything'),
  computes: new Map([
    ['create-index', 'an index'],
    ['create-trigger', 'a trigger'],
    ['create-event', 'an event'],
  ]),
  changesConversion: new Set(),
}

const DEFINES = /^(create|alter|drop|rename)-/

function each<T extends string>(names: string, value: T): [string, T][] {
  return wordList(names).map((name) => [name, value])
}
