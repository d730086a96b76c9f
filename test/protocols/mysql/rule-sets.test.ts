import { describe, expect, it } from 'vitest'
import { matchesKind } from '../../../src/policy/vocabulary.ts'
import { mysqlKinds } from '../../../src/protocols/mysql/kinds.ts'
import { mysqlRuleSets } from '../../../src/protocols/mysql/rule-sets.ts'
import { wordList } from '../../../src/shared/word-list.ts'
import { sqlVocabulary } from '../../../src/sql/vocabulary.ts'
import type { SqlStatement } from '../../../src/sql/statement.ts'

const patterns = (set: string): readonly string[] =>
  mysqlRuleSets[set]?.rules.flatMap(({ match }) => match.kinds ?? []) ?? []

/** Kinds that a set names in any of its rules. */
const named = (set: string): readonly string[] =>
  mysqlKinds.filter((kind) => patterns(set).some((pattern) => matchesKind(pattern, kind)))

const statement = (more: Partial<SqlStatement>): SqlStatement => ({
  type: 'sql',
  defaultSchema: 'shop',
  systemSchema: undefined,
  kinds: ['select'],
  reads: [],
  writes: [],
  behind: [],
  functions: [],
  missingWhere: false,
  unknown: [],
  ...more,
})

/** Whether a rule of the set matches it. */
const matches = (set: string, given: SqlStatement): boolean =>
  (mysqlRuleSets[set]?.rules ?? []).some(({ match, effect }) =>
    sqlVocabulary.matches(match, effect ?? mysqlRuleSets[set]?.effect ?? 'deny', given),
  )

describe('ready-made sets for MySQL', () => {
  it('name kinds that there are', () => {
    const unknown = Object.keys(mysqlRuleSets).flatMap((set) =>
      patterns(set).filter((pattern) => !mysqlKinds.some((kind) => matchesKind(pattern, kind))),
    )
    expect(unknown).toEqual([])
  })

  it('allow or deny every kind on purpose: a new one has to be placed', () => {
    const readOnly = new Set(named('read-only'))
    // Whoever is read-only may still do these.
    expect(mysqlKinds.filter((kind) => !readOnly.has(kind))).toEqual(
      wordList(`
        select select-into-variable set-user-variable set set-transaction set-role
        show show-processlist show-warnings show-grants show-create-user show-binlog show-replication show-engine show-profile
        describe explain help use begin commit rollback savepoint release rollback-to unlock unlock-instance do prepare execute
        deallocate signal get-diagnostics kill check-table checksum-table
      `),
    )
    // No application does these all day, and no migration.
    const developer = new Set(named('app-developer'))
    expect(mysqlKinds.filter((kind) => !developer.has(kind))).toEqual(
      wordList(`
        select-into-file load-data set-global set-persist set-password set-role set-default-role set-resource-group
        reset-persist show-create-user show-binlog show-replication show-engine xa lock-instance unlock-instance backup call
        execute-immediate handler compound flush reset reset-master reset-replica purge-binary-logs change-master
        change-replication-filter start-replica stop-replica binlog clone shutdown restart
        install-plugin uninstall-plugin install-component uninstall-component import-table alter-instance
        create-database create-trigger create-procedure create-function create-loadable-function create-package create-event
        create-user create-role create-server create-tablespace create-resource-group create-spatial-reference-system
        alter-database alter-procedure alter-function alter-event alter-user alter-server alter-tablespace alter-resource-group
        rename-user drop-database drop-trigger drop-procedure drop-function drop-package drop-event drop-user drop-role drop-server
        drop-tablespace drop-resource-group drop-spatial-reference-system grant grant-role revoke revoke-role cache-index load-index
      `),
    )
    expect(named('everyday').filter((kind) => !developer.has(kind))).toEqual([])
  })

  it.each<[string, Partial<SqlStatement>, boolean]>([
    ['everyday', { kinds: ['select'] }, true],
    ['everyday', { kinds: ['create-table'] }, false],
    ['everyday', { kinds: ['select'], unknown: ['the function f is not known'] }, false],
    ['read-only', { kinds: ['replace'] }, true],
    ['read-only', { kinds: ['select'], functions: ['get_lock'] }, true],
    ['read-only', { kinds: ['select'], functions: ['now'] }, false],
    ['no-blind-writes', { kinds: ['delete'], missingWhere: true }, true],
    ['no-blind-writes', { kinds: ['delete'] }, false],
    ['ddl-needs-approval', { kinds: ['drop-database'] }, true],
    ['ddl-needs-approval', { kinds: ['drop-database'], unknown: ['it drops everything'] }, true],
    ['no-server-files', { kinds: ['select'], functions: ['load_file'] }, true],
    ['no-server-files', { kinds: ['select'], functions: ['shop.lib_mysqludf_sys_info'] }, true],
    ['no-server-files', { kinds: ['load-data-local'] }, false],
    ['no-privilege-change', { kinds: ['update'], writes: ['mysql.user'] }, true],
    ['no-privilege-change', { kinds: ['update'], writes: ['shop.user'] }, false],
    ['no-stored-passwords', { reads: ['mysql.user'] }, true],
    ['no-stored-passwords', { reads: ['shop.accounts'], behind: ['mysql.global_priv'] }, true],
    ['no-stored-passwords', { reads: ['shop.user', 'mysql.db'] }, false],
  ])('%s matches %j: %s', (set, given, expected) => {
    expect(matches(set, statement(given))).toBe(expected)
  })
})
