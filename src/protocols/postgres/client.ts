import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { ListenerInfo } from '../../agent/control-messages.ts'
import type { Target } from '../../api/schemas/access.ts'
import type { HowToConnect, PreparedClient } from '../prepared-client.ts'

/** Variables that would send the client elsewhere go; those that it needs come. */
export function preparePostgres(
  program: string,
  args: readonly string[],
  target: Target,
  listener: ListenerInfo,
  inherited: NodeJS.ProcessEnv,
): PreparedClient {
  const environment: NodeJS.ProcessEnv = { ...inherited }
  for (const name of CONFLICTING) delete environment[name]
  // libpq knows Unix sockets, which nobody else can enter; other programs get the port.
  const host = LIBPQ_PROGRAMS.has(basename(program)) ? (listener.socketDirectory ?? listener.host) : listener.host
  Object.assign(environment, {
    PGHOST: host,
    PGPORT: String(listener.port),
    PGUSER: target.accounts[0],
    PGDATABASE: target.database,
    PGSSLMODE: 'disable',
    PGCLIENTENCODING: 'UTF8',
  })
  if (listener.secret === undefined) return { args, environment, cleanUp: () => {} }
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-'))
  const file = join(directory, 'pgpass')
  writeFileSync(file, `*:*:*:*:${listener.secret}\n`, { mode: 0o600 })
  environment['PGPASSFILE'] = file
  return { args, environment, cleanUp: () => rmSync(directory, { recursive: true, force: true }) }
}

/** The port of a PostgreSQL target, and what to give psql. */
export function describePostgres(target: Target, { host, port, socketDirectory, secret }: ListenerInfo): HowToConnect {
  const [user = ''] = target.accounts
  const database = target.database ?? ''
  const url = `postgresql://${encodeURIComponent(user)}@${host}:${port}/${encodeURIComponent(database)}?sslmode=disable`
  return {
    json: {
      host,
      port,
      user,
      database,
      url,
      ...(socketDirectory === undefined ? {} : { socketDirectory }),
      ...(secret === undefined ? {} : { password: secret }),
    },
    lines: [
      `${target.name} is at ${host}:${port}, user ${user}, database ${database}, without TLS`,
      `  psql "${url}"`,
      ...(socketDirectory === undefined ? [] : [`  psql -h ${socketDirectory} -p ${port} -U ${user} ${database}`]),
      ...(secret === undefined ? [] : [`  password: ${secret}`]),
    ],
  }
}

const LIBPQ_PROGRAMS = new Set([
  'psql',
  'pgbench',
  'pg_dump',
  'pg_restore',
  'pg_isready',
  'vacuumdb',
  'reindexdb',
  'createdb',
  'dropdb',
  'clusterdb',
])
const CONFLICTING = [
  'PGHOST',
  'PGHOSTADDR',
  'PGPORT',
  'PGUSER',
  'PGPASSWORD',
  'PGPASSFILE',
  'PGDATABASE',
  'PGSERVICE',
  'PGSERVICEFILE',
  'PGSSLMODE',
  'PGSSLCERT',
  'PGSSLKEY',
  'PGSSLROOTCERT',
  'PGSSLNEGOTIATION',
  'PGREQUIRESSL',
  'PGREQUIREPEER',
  'PGREQUIREAUTH',
  'PGCHANNELBINDING',
  'PGGSSENCMODE',
  'PGTARGETSESSIONATTRS',
  'PGLOADBALANCEHOSTS',
  'PGCLIENTENCODING',
  'PGREALM',
  'PGKRBSRVNAME',
  'PGMINPROTOCOLVERSION',
  'PGMAXPROTOCOLVERSION',
  'PAMCTL_TOKEN',
  'DATABASE_URL',
]
