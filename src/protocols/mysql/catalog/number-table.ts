import { newRelation } from './relation.ts'

/**
 * MariaDB's tables of numbers, `seq_1_to_10` or `seq_1_to_10_step_2`: every database has each of them, no list does, and they hold nothing but
 * what their name says. Source: MariaDB, Sequence Storage Engine.
 */
export function numberTable(schema: string, table: string) {
  if (!PATTERN.test(table)) return undefined
  return {
    // They are all alike.
    ...newRelation(-1, schema, table),
    columns: new Map([['seq', 1]]),
    types: new Map([['seq', 'bigint']]),
    exact: new Set(['seq']),
    unique: new Set(['seq']),
  }
}

const NUMBER = '(?:0|[1-9][0-9]{0,18})'
const PATTERN = new RegExp(`^seq_${NUMBER}_to_${NUMBER}(?:_step_[1-9][0-9]{0,18})?$`)
