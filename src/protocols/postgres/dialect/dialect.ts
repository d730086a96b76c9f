import { wordList } from '../../../shared/word-list.ts'
import type { Dialect, Utilities } from '../../../sql/dialect.ts'
import { conditions } from './conditions.ts'
import { isNotify } from './functions.ts'
import { meetings } from './meetings.ts'
import { settingOf } from './settings.ts'
import { totals } from './total-functions.ts'

const ROWS: ReadonlyMap<string, ReturnType<Utilities['rowsOf']>> = new Map([
  ...each('declare-cursor prepare', 'own-query'),
  ...each('create-view', 'none'),
  ...each('show', 'unmasked'),
  ...each('fetch move do call unknown', 'anything'),
])

const SAMPLING_METHODS = new Set(['system', 'bernoulli'])

const utilities: Utilities = {
  rowsOf: (kind) => ROWS.get(kind) ?? 'definition',
  // What other utility statements evaluate as they run are constants.
  valuesOf: (kind) => (kind === 'execute' ? 'given' : 'unread'),
  computes: new Map([
    ['create-index', 'an index'],
    ['create-rule', 'a rule'],
    ['create-trigger', 'a trigger'],
    ['create-policy', 'a row policy'],
    ['create-statistics', 'statistics'],
    ['create-publication', 'a publication'],
    ['alter-publication', 'a publication'],
    ['cluster', 'an order of rows'],
  ]),
  changesConversion: new Set(
    wordList('create-cast create-operator-class alter-operator-family create-conversion create-transform'),
  ),
}

function each<T extends string>(names: string, value: T): [string, T][] {
  return wordList(names).map((name) => [name, value])
}

/** PostgreSQL, for the analysis that all SQL dialects share. */
export const postgresDialect: Dialect = {
  types: { boolean: 'bool', text: 'text', row: 'record' },
  // Source: manual, System Columns.
  systemColumns: new Map([...each('xmin cmin xmax cmax', 'nothing'), ['tableoid', 'place'], ['ctid', 'position']]),
  // MaxTupleAttributeNumber in the server's htup_details.h.
  maxColumns: 1664,
  targetsAreNamed: false,
  names: {
    isSystem: ({ schema }) => schema === undefined || schema === 'pg_catalog',
    isSamplingMethod: ({ schema, name }) => schema === undefined && SAMPLING_METHODS.has(name),
    // `_int4` is the array of `int4`: an array is converted element by element.
    elementType: (type) => type.replace(/^_/, ''),
    constantTypes: {
      text: [],
      null: [],
      boolean: ['bool'],
      integer: ['int4', 'int8', 'numeric'],
      number: ['numeric'],
      bits: ['bit'],
    },
  },
  settingOf,
  // A NOTIFY whose channel is unknown.
  deliveryOf: ({ name }) => (isNotify(name) ? { kind: 'notify', what: 'a notification' } : undefined),
  totals,
  meetings,
  utilities,
  conditions,
}
