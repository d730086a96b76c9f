import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Target } from '../../api/schemas/access.ts'
import type {
  ClientHalf,
  ClientStart,
  EnvironmentStart,
  HowToConnect,
  ListenerInfo,
  PreparedClient,
} from '../client-half.ts'
import { replaceFile } from '../../shared/replace-file.ts'
import { shellWord } from '../../shared/shell-word.ts'
import { describeDatabase } from '../describe-database.ts'
import { needOpenPort } from '../need-open-port.ts'

/** Variables that would send the client elsewhere go; those that it needs come. */
function prepare({ program, args, target, listener, environment: inherited }: ClientStart): PreparedClient {
  needOpenPort(listener, target)
  // libpq knows Unix sockets, which nobody else can enter; other programs get the port.
  const host = LIBPQ_PROGRAMS.has(basename(program)) ? (listener.socketDirectory ?? listener.host) : listener.host
  const start = { target, listener, inherited }
  if (listener.secret === undefined)
    return { args, environment: variables({ ...start, directory: '' }, host), cleanUp: () => {} }
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-'))
  return {
    args,
    environment: variables({ ...start, directory }, host),
    cleanUp: () => rmSync(directory, { recursive: true, force: true }),
  }
}

/** What libpq and other drivers read; `host` may be the directory of a Unix socket. */
function variables({ target, listener, directory, inherited }: EnvironmentStart, host: string): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { ...inherited }
  for (const name of CONFLICTING) delete environment[name]
  Object.assign(environment, {
    PGHOST: host,
    PGPORT: String(listener.port),
    PGUSER: target.accounts[0],
    PGDATABASE: target.database,
    PGSSLMODE: 'disable',
    PGCLIENTENCODING: 'UTF8',
  })
  if (listener.secret === undefined) return environment
  const file = join(directory, 'pgpass')
  replaceFile(file, `*:*:*:*:${listener.secret}\n`)
  return { ...environment, PGPASSFILE: file }
}

/** The port of a PostgreSQL target, and what to give psql. */
function describe(target: Target, { host, port, socketDirectory, secret }: ListenerInfo): HowToConnect {
  const [user = ''] = target.accounts
  const database = target.database ?? ''
  const [login, name] = [encodeURIComponent(user), encodeURIComponent(database)]
  const url = `postgresql://${login}@${host}:${port}/${name}?sslmode=disable`
  return describeDatabase(
    target.name,
    { host, port, user, database, secret },
    {
      url,
      more: socketDirectory === undefined ? {} : { socketDirectory },
      commands: [
        `psql "${url}"`,
        `jdbc:postgresql://${host}:${port}/${name}?user=${login}&sslmode=disable`,
        ...(socketDirectory === undefined
          ? []
          : [`psql -h ${shellWord(socketDirectory)} -p ${port} -U ${shellWord(user)} ${shellWord(database)}`]),
      ],
    },
  )
}

const LIBPQ_PROGRAMS = new Set([
  'psql',
  'pgbench',
  'pg_dump',
  'pg_dumpall',
  'pg_basebackup',
  'pg_receivewal',
  'pg_recvlogical',
  'pg_amcheck',
  'createuser',
  'dropuser',
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

export const postgresClient: ClientHalf = {
  listens: true,
  programs: LIBPQ_PROGRAMS,
  prepare,
  // The Unix socket: once the port is closed, another program may have its number, and nobody else this path.
  environment: (start) => variables(start, start.listener.socketDirectory ?? start.listener.host),
  describe,
  openQuery: async (start) => (await import('./query/connect.ts')).connectPostgres(start),
}
