import { describe, expect, it } from 'vitest'
import { effectOf, movesReadOnly } from '../../../../src/protocols/mysql/dialect/settings.ts'
import { readingContext } from '../../../helpers/read-mysql.ts'

const { server } = readingContext()
const effect = (name: string, value?: string): string => {
  const found = effectOf({ name, value }, server)
  return typeof found === 'string' ? found : 'refused'
}

describe('what moving a setting does', () => {
  it.each<[string, string | undefined, string]>([
    ['autocommit', '0', 'none'],
    ['time_zone', undefined, 'none'],
    ['character_set_client', 'utf8mb4', 'followed'],
    ['character_set_client', 'UTF8', 'followed'],
    ['character_set_client', 'utf8mb4x', 'refused'],
    ['character_set_client', 'gbk', 'refused'],
    ['character_set_client', undefined, 'followed'],
    ['character_set_client', 'null', 'refused'],
    ['character_set_results', 'null', 'followed'],
    ['character_set_results', undefined, 'followed'],
    ['sql_mode', 'ANSI_QUOTES,STRICT_ALL_TABLES', 'followed'],
    ['sql_mode', undefined, 'followed'],
    ['sql_mode', 'ANSI_QUOTES,MADE_UP', 'refused'],
    ['default_storage_engine', 'InnoDB', 'none'],
    ['default_storage_engine', 'federated', 'refused'],
    ['default_storage_engine', undefined, 'refused'],
    ['resultset_metadata', 'NONE', 'refused'],
    ['pseudo_thread_id', '1', 'refused'],
    ['global.init_connect', "'x'", 'refused'],
    ['global.max_connections', '1', 'none'],
    ['session_track_schema', 'on', 'followed'],
    ['made_up', '1', 'unknown'],
    ['constructor', '1', 'unknown'],
  ])('SET %s = %s: %s', (name, value, expected) => {
    expect(effect(name, value)).toBe(expected)
  })
})

it('only 1, ON and TRUE keep a session read-only', () => {
  const moves = (name: string, value?: string): boolean => movesReadOnly({ name, value })
  expect(['1', 'on', 'TRUE'].map((value) => moves('transaction_read_only', value))).toEqual([false, false, false])
  expect(['0', 'off', '10', undefined].map((value) => moves('tx_read_only', value))).toEqual([true, true, true, true])
  expect(moves('autocommit', '0')).toBe(false)
})
