import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { REPLACES_MODULES } from './helpers/replaces-modules.ts'

/** Folders each of whose files has a unit test at its path, or stands below with the reason why it has none. */
const FOLDERS = [
  'sql',
  'policy',
  'gateway',
  'protocols/mysql/catalog',
  'protocols/mysql/dialect',
  'protocols/mysql/gateway',
  'protocols/postgres/gateway',
  'protocols/ssh/gateway',
  'cli/commands',
]

const TYPES = 'types and what follows from them: the compiler tests it'
const WIRING = 'puts parts together: test/integration drives it with real clients and servers'
const PIPELINE =
  'a part of the state that pipeline/{client-side,server-side,server-messages}.test.ts drive with messages'
const SERVER = 'asks a real server: test/integration/{server-reading,readings,hostile-targets}.test.ts'
const TARGETS = 'test/protocols/postgres/gateway/login/upstream-login.test.ts, against servers'
const EPHEMERAL = 'test/integration/postgres-ephemeral.test.ts, against a real server'
const MYSQL_EPHEMERAL = 'test/integration/mysql-ephemeral.test.ts, against real servers'
const CONDITIONS = 'conditions/always-true.test.ts asks what it answers'
const LINEAGE = 'lineage/dialect.test.ts and test/integration/leaks.test.ts read statements through it'
const FACTS = 'lineage/dialect.test.ts, test/protocols/postgres/dialect/facts.test.ts read statements through it'
const RESULTS = 'results/masked-messages.test.ts and test/integration/{leaks,hidden-values}.test.ts'

const LANE = 'lane/{lane,simple-queries,no-longer-known}.test.ts hold it against the slow path'

const MYSQL_PARSER = 'dialect/parse-statement.test.ts reads every form of statement through it'
const MYSQL_FACTS = 'dialect/command-facts.test.ts reads statements through it'
const MYSQL_LONG =
  'test/protocols/{mysql,postgres}/dialect/sql-parser.test.ts and test/integration/mysql-long-texts.test.ts'
const RECORDER = 'test/sql/record/text-recorder.test.ts and test/integration/mysql-long-texts.test.ts'
const MYSQL_CATALOG = 'asks real servers: test/integration/mysql-catalog.test.ts'
const MYSQL_LOGIN = 'test/integration/mysql-login.test.ts, against servers that real clients and libraries log in to'
const MYSQL_SESSION =
  'test/integration/{mysql-session,mysql-leaks,mysql-hostile-target}.test.ts, between two real peers'
const MYSQL_RESULTS = 'results/row-masking.test.ts masks rows through it'
const MYSQL_PARSED = [
  'accounts',
  'administration',
  'aggregates',
  'alter-table',
  'build',
  'clauses',
  'compound',
  'constants',
  'create-table',
  'cursor',
  'definitions',
  'expressions',
  'from',
  'function-forms',
  'functions',
  'load',
  'operands',
  'queries',
  'rows',
  'set',
  'show',
  'statement',
  'subqueries',
  'tables',
  'transactions',
  'types',
  'writes',
]

const WITHOUT: Readonly<Record<string, string>> = {
  'protocols/mysql/catalog/build-catalog.ts': MYSQL_CATALOG,
  'protocols/mysql/catalog/catalog-queries.ts': MYSQL_CATALOG,
  'protocols/mysql/catalog/catalog-rows.ts': MYSQL_CATALOG,
  'protocols/mysql/catalog/catalog.ts': MYSQL_CATALOG,
  ...Object.fromEntries(MYSQL_PARSED.map((name) => [`protocols/mysql/dialect/parser/${name}.ts`, MYSQL_PARSER])),
  'protocols/mysql/dialect/blind-writes.ts': MYSQL_FACTS,
  'protocols/mysql/catalog/number-table.ts': MYSQL_FACTS,
  'protocols/mysql/catalog/relation.ts': TYPES,
  'protocols/mysql/catalog/storage-columns.ts': MYSQL_FACTS,
  'protocols/mysql/dialect/compact.ts': MYSQL_LONG,
  'protocols/mysql/dialect/mysql-parser-worker.ts': MYSQL_LONG,
  'protocols/mysql/gateway/results/account-secrets.ts':
    'test/integration/mysql-masking.test.ts asks a real server for the password hash of the account',
  'sql/long-text-reader.ts': MYSQL_LONG,
  'policy/pattern-kind.ts': 'policy/parse-policy.test.ts and sql/record/text-recorder.test.ts find values by it',
  'protocols/mysql/gateway/pipeline/mysql-record-worker.ts': RECORDER,
  'protocols/mysql/gateway/pipeline/statement-recorder.ts': RECORDER,
  'protocols/postgres/gateway/pipeline/postgres-record-worker.ts': RECORDER,
  'protocols/postgres/gateway/pipeline/statement-recorder.ts': RECORDER,
  'sql/text-cache.ts': 'test/protocols/{mysql,postgres}/dialect/sql-parser.test.ts read texts through it',
  'protocols/mysql/dialect/conditions.ts': MYSQL_FACTS,
  'protocols/mysql/dialect/dialect.ts': MYSQL_FACTS,
  'protocols/mysql/dialect/effects.ts': MYSQL_FACTS,
  'protocols/mysql/dialect/functions.ts': MYSQL_FACTS,
  'protocols/mysql/dialect/characters.ts': MYSQL_PARSER,
  'protocols/mysql/dialect/lexer.ts': MYSQL_PARSER,
  'protocols/mysql/dialect/tokens.ts': MYSQL_PARSER,
  'protocols/mysql/dialect/native-functions.ts': MYSQL_CATALOG,
  'protocols/mysql/dialect/not-read.ts': TYPES,
  'protocols/mysql/dialect/read-body.ts': MYSQL_CATALOG,
  'protocols/mysql/dialect/reading-context.ts': MYSQL_PARSER,
  'protocols/mysql/dialect/redefinitions.ts': MYSQL_FACTS,
  'protocols/mysql/dialect/resolve-statement.ts': MYSQL_FACTS,
  'protocols/mysql/dialect/sql-mode.ts': MYSQL_PARSER,
  'protocols/mysql/dialect/run-texts.ts': MYSQL_FACTS,
  'protocols/mysql/dialect/statement-facts.ts': TYPES,
  'protocols/mysql/dialect/text-resolver.ts': MYSQL_FACTS,
  'protocols/mysql/dialect/total-functions.ts': MYSQL_FACTS,
  'protocols/mysql/dialect/variable-effects.ts': MYSQL_FACTS,
  'protocols/mysql/dialect/words.ts': MYSQL_PARSER,
  'protocols/mysql/gateway/admit.ts': MYSQL_SESSION,
  'protocols/mysql/gateway/engine.ts': WIRING,
  'protocols/mysql/gateway/ephemeral/administrator.ts': MYSQL_EPHEMERAL,
  'protocols/mysql/gateway/ephemeral/ephemeral-accounts.ts': MYSQL_EPHEMERAL,
  'protocols/mysql/gateway/error-packet.ts': MYSQL_SESSION,
  'protocols/mysql/gateway/greeting.ts': MYSQL_SESSION,
  'protocols/mysql/gateway/login/connect-upstream.ts': MYSQL_LOGIN,
  'protocols/mysql/gateway/login/ed25519.ts': MYSQL_LOGIN,
  'protocols/mysql/gateway/login/own-connections.ts': MYSQL_LOGIN,
  'protocols/mysql/gateway/login/proofs.ts': MYSQL_LOGIN,
  'protocols/mysql/gateway/login/refusal-of.ts': MYSQL_LOGIN,
  'protocols/mysql/gateway/login/session-state.ts': MYSQL_LOGIN,
  'protocols/mysql/gateway/login/target-queries.ts': MYSQL_LOGIN,
  'protocols/mysql/gateway/login/upstream-login.ts': MYSQL_LOGIN,
  'protocols/mysql/gateway/login/upstream-socket.ts': MYSQL_LOGIN,
  ...Object.fromEntries(
    [
      'analyze-statement',
      'client-commands',
      'client-side',
      'command-draft',
      'command-gate',
      'command-steps',
      'connection-commands',
      'exchange',
      'pipeline',
      'prepared-commands',
      'server-answers',
      'server-side',
      'upload',
    ].map((name) => [`protocols/mysql/gateway/pipeline/${name}.ts`, MYSQL_SESSION]),
  ),
  'protocols/mysql/gateway/probe.ts': MYSQL_LOGIN,
  'protocols/mysql/gateway/serve-connected.ts': WIRING,
  'protocols/mysql/gateway/results/rewrite-row.ts': MYSQL_RESULTS,
  'protocols/postgres/gateway/lane/client-lane.ts': LANE,
  'protocols/postgres/gateway/lane/hand-over.ts': LANE,
  'protocols/postgres/gateway/lane/known-statements.ts': LANE,
  'protocols/postgres/gateway/lane/lane-queue.ts': LANE,
  'protocols/postgres/gateway/lane/server-lane.ts': LANE,
  'gateway/allowed-command.ts': LANE,
  'sql/query.ts': TYPES,
  'sql/statement.ts': TYPES,
  'sql/catalog.ts': TYPES,
  'sql/dialect.ts': TYPES,
  'sql/conditions/own-row.ts': CONDITIONS,
  'sql/conditions/row-questions.ts': CONDITIONS,
  'sql/conditions/samples.ts': CONDITIONS,
  'sql/conditions/terms.ts': CONDITIONS,
  'sql/conditions/trial.ts': CONDITIONS,
  'sql/conditions/values.ts': CONDITIONS,
  'sql/facts/parsed-statement.ts': TYPES,
  'sql/facts/conversions.ts': FACTS,
  'sql/facts/findings.ts': FACTS,
  'sql/facts/text-facts.ts': TYPES,
  'sql/facts/guard-lineage.ts': LINEAGE,
  'sql/facts/lineage-facts.ts': LINEAGE,
  'sql/facts/redefinitions.ts': 'test/protocols/postgres/dialect/redefinitions.test.ts reads texts through it',
  'sql/facts/read-expression.ts': FACTS,
  'sql/facts/read-facts.ts': FACTS,
  'sql/facts/read-query.ts': FACTS,
  'sql/facts/read-writes.ts': FACTS,
  'sql/facts/row-names.ts': FACTS,
  'sql/lineage/index-order.ts': 'test/protocols/mysql/dialect/command-facts.test.ts reads statements through it',
  'sql/lineage/expression-context.ts': TYPES,
  'sql/lineage/meetings.ts': LINEAGE,
  'sql/lineage/open-constants.ts': LINEAGE,
  'sql/lineage/origin.ts': LINEAGE,
  'sql/lineage/read-expression.ts': LINEAGE,
  'sql/lineage/read-from.ts': LINEAGE,
  'sql/lineage/read-query.ts': LINEAGE,
  'sql/lineage/read-statement.ts': LINEAGE,
  'sql/lineage/read-utility.ts': LINEAGE,
  'sql/lineage/read-writes.ts': LINEAGE,
  'sql/lineage/report.ts': LINEAGE,
  'sql/lineage/row-order.ts': LINEAGE,
  'sql/lineage/write-target.ts': TYPES,
  'sql/lineage/written-columns.ts': LINEAGE,
  'policy/command.ts': TYPES,
  'policy/match/match.ts': TYPES,
  'policy/policy.ts': TYPES,
  'gateway/browser-host.ts': TYPES,
  'gateway/engine.ts': TYPES,
  'gateway/gateway-state.ts': TYPES,
  'gateway/target.ts': TYPES,
  'gateway/tunnel-parts.ts': TYPES,
  'gateway/kept-rows.ts': 'test/protocols/postgres/gateway/results/kept-rows.test.ts keeps rows through it',
  'gateway/open-session.ts': WIRING,
  'gateway/target-failure.ts': TARGETS,
  'gateway/target-socket.ts': TARGETS,
  'gateway/with-deadline.ts': TARGETS,
  'sql/record/recordable.ts': 'test/protocols/postgres/gateway/pipeline/recordable.test.ts reads texts through it',
  'protocols/postgres/gateway/assumed-facts.ts': WIRING,
  'protocols/postgres/gateway/engine.ts': WIRING,
  'protocols/postgres/gateway/ephemeral/administrator.ts': EPHEMERAL,
  'protocols/postgres/gateway/ephemeral/ephemeral-roles.ts': EPHEMERAL,
  'protocols/postgres/gateway/probe.ts': WIRING,
  'protocols/postgres/gateway/login/connect-upstream.ts': 'login/upstream-login.test.ts, against servers',
  'protocols/postgres/gateway/login/upstream-query.ts': 'login/upstream-login.test.ts, against servers',
  'protocols/postgres/gateway/login/upstream-socket.ts': 'login/upstream-login.test.ts, against servers',
  'protocols/postgres/gateway/pipeline/batch.ts': PIPELINE,
  'protocols/postgres/gateway/pipeline/client-messages.ts': PIPELINE,
  'protocols/postgres/gateway/pipeline/command-gate.ts': PIPELINE,
  'protocols/postgres/gateway/pipeline/extended-queries.ts': PIPELINE,
  'protocols/postgres/gateway/pipeline/gateway-query.ts': PIPELINE,
  'protocols/postgres/gateway/pipeline/message-parts.ts': TYPES,
  'protocols/postgres/gateway/pipeline/own-answers.ts': PIPELINE,
  'protocols/postgres/gateway/pipeline/pending.ts': PIPELINE,
  'protocols/postgres/gateway/pipeline/settings-views.ts': SERVER,
  'protocols/postgres/gateway/pipeline/simple-queries.ts': PIPELINE,
  'gateway/steps.ts': PIPELINE,
  'protocols/postgres/gateway/pipeline/estimate.ts': 'asks a real planner: test/integration/holds.test.ts',
  'protocols/postgres/gateway/pipeline/missing-prepared.ts': 'asks a real server: test/integration/evasions.test.ts',
  'protocols/postgres/gateway/pipeline/missing-relation.ts': 'asks a real server: test/integration/evasions.test.ts',
  'protocols/postgres/gateway/pipeline/publishing.ts':
    'several sessions of a server: test/integration/definitions.test.ts',
  'protocols/postgres/gateway/results/result-rows.ts': RESULTS,
  'protocols/postgres/gateway/server-reading/agreement.ts': SERVER,
  'protocols/postgres/gateway/server-reading/ask.ts': SERVER,
  'protocols/postgres/gateway/server-reading/compare.ts': SERVER,
  'protocols/postgres/gateway/server-reading/second-opinion.ts': SERVER,
  'protocols/ssh/gateway/connect-upstream.ts': 'test/integration/{ssh,ssh-hostile-targets}.test.ts, against servers',
  'protocols/ssh/gateway/connection.ts': WIRING,
  'protocols/ssh/gateway/engine.ts': WIRING,
  'protocols/ssh/gateway/host-connection.ts': TYPES,
  'protocols/ssh/gateway/probe.ts': WIRING,
  'protocols/ssh/gateway/splice.ts': 'test/integration/{ssh,ssh-wire}.test.ts, between two real peers',
  'protocols/ssh/gateway/session-channel.ts':
    'test/integration/{ssh,ssh-wire,ssh-evasions}.test.ts, between two real peers',
}

it('every other file of these folders has a unit test at its path', () => {
  const root = join(import.meta.dirname, '..')
  const without = FOLDERS.flatMap((folder) =>
    readdirSync(join(root, 'src', folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${folder}/${name}`),
  ).filter((file) => !existsSync(join(root, 'test', file.replace(/\.ts$/, '.test.ts'))))
  expect(without.toSorted()).toEqual(Object.keys(WITHOUT).toSorted())
})

it('a file that replaces modules shares its process with no other', () => {
  const replaces = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' }).filter(
    (name) =>
      name.endsWith('.test.ts') &&
      /^\s*vi\.(?:do)?[mM]ock\(/m.test(readFileSync(join(import.meta.dirname, name), 'utf8')),
  )
  expect(replaces.map((name) => `test/${name}`).toSorted()).toEqual(REPLACES_MODULES)
})
