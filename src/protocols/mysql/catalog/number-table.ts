import { newRelation } from './relation.ts'

/**
 * MariaDB's tables of numbers, `seq_1_to_10` or `seq_1_to_10_step_2`: every database has all of them, no catalog lists them, and their name
 * determines their content. Source: MariaDB, Sequence Storage Engine.
 */
export function numberTable(schema: string, table: string) {
  if (!PATTERN.test(table)) return undefined
  return {
    // They are all the same.
    ...newRelation(-1, schema, table),
    columns: new Map([['seq', 1]]),
    types: new Map([['seq', 'bigint']]),
    exact: new Set(['seq']),
    unique: new Set(['seq']),
  }
}

const NUMBER = '(?:0|[1-9][0-9]{0,18})'
const PATTERN = new RegExp(`^seq_${NUMBER}_to_${NUMBER}(?:_step_[1-9][0-9]{0,18})?$`)
