import { expect, it } from 'vitest'
import { isCounterSetting, isHarmlessStatus } from '../../../../src/protocols/mysql/dialect/counters.ts'

it.each(
  `last_gtid gtid_binlog_pos gtid_binlog_state gtid_current_pos gtid_slave_pos gtid_seq_no gtid_executed gtid_owned gtid_purged
gtid_next global.gtid_binlog_pos GLOBAL.GTID_EXECUTED wsrep_last_written_gtid gtid_of_a_later_version last_gt\u00edd`.split(
    /\s/,
  ),
)('%s may say what was written', (name) => {
  expect(isCounterSetting(name)).toBe(true)
})

it.each(
  'port version_comment sql_mode gtid_mode gtid_domain_id global.gtid_strict_mode hot_cache.key_buffer_size'.split(' '),
)('%s is an option', (name) => {
  expect(isCounterSetting(name)).toBe(false)
})

it('of status variables those are shown that are listed, in any case', () => {
  for (const name of ['Ssl_cipher', 'UPTIME', 'Threads_connected', 'wsrep_cluster_status', 'Questions'])
    expect([name, isHarmlessStatus(name)]).toEqual([name, true])
  for (const name of [
    'Handler_update',
    'Innodb_rows_updated',
    'Binlog_commits',
    'Last_query_cost',
    'Memory_used',
    'new_one',
    '',
  ])
    expect([name, isHarmlessStatus(name)]).toEqual([name, false])
})
