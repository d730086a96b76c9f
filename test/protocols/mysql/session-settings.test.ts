import { describe, expect, it } from 'vitest'
import {
  liftedSetting,
  pinnedColumns,
  pinnedOf,
  sessionSettings,
  settingStatements,
} from '../../../src/protocols/mysql/session-settings.ts'

const SETTINGS = sessionSettings.parse({
  max_statement_time: 30,
  lock_wait_timeout: 5,
  wait_timeout: 600,
  pinned: ['lock_wait_timeout', 'max_statement_time'],
})

describe('settings of sessions', () => {
  it('are one statement', () => {
    expect(settingStatements(SETTINGS)).toEqual([
      'SET SESSION max_statement_time = 30, lock_wait_timeout = 5, wait_timeout = 600',
    ])
    expect(settingStatements(undefined)).toEqual([])
    expect(settingStatements(sessionSettings.parse({}))).toEqual([])
  })

  it.each<[object, RegExp]>([
    [{ max_statement_time: 0 }, /^max_statement_time: Too small/],
    [{ max_statement_time: '30s' }, /^max_statement_time: Invalid input: expected number/],
    [{ lock_wait_timeout: 0.5 }, /^lock_wait_timeout: Invalid input: expected int/],
    [{ lock_wait_timeout: 40_000_000 }, /^lock_wait_timeout: Too big/],
    [{ sql_mode: '' }, /Unrecognized key: "sql_mode"/],
    [{ pinned: ['max_execution_time'] }, /^pinned\.0: max_execution_time is pinned, but has no value here/],
  ])('%j are refused', (settings, problem) => {
    const issues = sessionSettings.safeParse(settings).error?.issues ?? []
    expect(issues.map(({ path, message }) => `${path.join('.')}: ${message}`)).toEqual([expect.stringMatching(problem)])
  })

  it.each<[(string | null)[], string | undefined]>([
    [['5', '30.000000'], undefined],
    [['1', '0.500000'], undefined],
    [['6', '30.000000'], 'lock_wait_timeout'],
    [['5', '0.000000'], 'max_statement_time'],
    [['5', null], 'max_statement_time'],
    [[], 'lock_wait_timeout'],
  ])('are read back in their order: %j', (values, lifted) => {
    const pinned = pinnedOf(SETTINGS)
    expect(pinnedColumns(pinned)).toBe(', @@session.lock_wait_timeout, @@session.max_statement_time')
    expect(liftedSetting(values, pinned)).toBe(lifted)
  })
})
