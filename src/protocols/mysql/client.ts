import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
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
import { PamError } from '../../shared/errors.ts'
import { replaceFile } from '../../shared/replace-file.ts'
import { shellWord } from '../../shared/shell-word.ts'
import { describeDatabase } from '../describe-database.ts'
import { needOpenPort } from '../need-open-port.ts'

/**
 * The programs of MySQL and MariaDB get an option file of their own, which first includes the user's: the hosts, sockets and passwords in
 * that are overridden by the later options. Other programs get environment variables.
 */
function prepare({ program, args, target, listener, environment: inherited }: ClientStart): PreparedClient {
  needOpenPort(listener, target)
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-'))
  const way = wayTo(target, listener)
  const file = optionFileIn(directory)
  return {
    environment: variables({ target, listener, directory, inherited }),
    args: argumentsOf(basename(program), args, way, file, directory),
    cleanUp: () => rmSync(directory, { recursive: true, force: true }),
  }
}

/** The option file, for drivers that read one, and what other programs read. */
function variables({ target, listener, directory, inherited }: EnvironmentStart): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { ...inherited }
  for (const name of CONFLICTING) delete environment[name]
  const way = wayTo(target, listener)
  replaceFile(optionFileIn(directory), optionFile(way, inherited))
  return {
    ...environment,
    MYSQL_HOME: directory,
    // A path without a file: MySQL's programs read the login file in the home directory last of all.
    MYSQL_TEST_LOGIN_FILE: join(directory, 'mylogin.cnf'),
    MYSQL_HOST: way.host,
    MYSQL_TCP_PORT: String(way.port),
    ...(way.secret === undefined ? {} : { MYSQL_PWD: way.secret }),
  }
}

const optionFileIn = (directory: string): string => join(directory, 'my.cnf')

/**
 * The same for whoever connects later. Libraries of MySQL and MariaDB take `localhost` for the Unix socket: once the port is closed, another
 * program may have its number, and nobody else this path.
 */
function lastingVariables(start: EnvironmentStart): NodeJS.ProcessEnv {
  const { socket } = wayTo(start.target, start.listener)
  const environment = variables(start)
  return socket === undefined ? environment : { ...environment, MYSQL_HOST: 'localhost', MYSQL_UNIX_PORT: socket }
}

/** How a client connects to an open port. */
interface Way {
  readonly host: string
  readonly port: number
  /** A Unix socket, which no other user can access: it needs no password. */
  readonly socket: string | undefined
  readonly user: string
  readonly database: string | undefined
  readonly secret: string | undefined
}

function wayTo({ accounts, database }: Target, { host, port, socketDirectory, secret }: ListenerInfo): Way {
  const socket = socketDirectory === undefined ? undefined : join(socketDirectory, SOCKET)
  return { host, port, socket, user: accounts[0] ?? '', database, secret }
}

function argumentsOf(program: string, args: readonly string[], way: Way, file: string, directory: string): string[] {
  if (program === 'mycli') return [...mycliOptions(way, directory), ...args]
  if (!OPTION_FILE_PROGRAMS.has(program)) return [...args]
  // Options that select option files must come first, and only one is allowed: if the user gave one, the connection options follow it.
  const [first = ''] = args
  return READING.test(first) ? [first, ...wayOptions(way), ...args.slice(1)] : [`--defaults-file=${file}`, ...args]
}

/** Connection options without the secret, which other users could see: it is in the environment. */
const wayOptions = ({ host, port, socket, user }: Way): string[] => [
  ...(socket === undefined
    ? [`--protocol=TCP`, `--host=${host}`, `--port=${port}`]
    : ['--protocol=SOCKET', `--socket=${socket}`]),
  `--user=${user}`,
]

/** mycli gets options, because it does not read option files. */
function mycliOptions({ host, port, user, database, secret }: Way, directory: string): string[] {
  const options = [
    '--host',
    host,
    '--port',
    String(port),
    '--user',
    user,
    '--ssl-mode',
    'off',
    '--use-keyring',
    'false',
  ]
  const passwordFile = join(directory, 'password')
  replaceFile(passwordFile, secret ?? '')
  return [...options, '--password-file', passwordFile, ...(database === undefined ? [] : ['--database', database])]
}

function optionFile({ host, port, socket, user, database, secret }: Way, environment: NodeJS.ProcessEnv): string {
  const own = environment['MYSQL_HOME']
  const home = environment['HOME'] ?? homedir()
  const files = [
    '/etc/my.cnf',
    '/etc/mysql/my.cnf',
    ...(own === undefined ? [] : [join(own, 'my.cnf')]),
    join(home, '.my.cnf'),
  ]
  const lines = [
    ...files.filter((file) => existsSync(file)).map((file) => `!include ${file}`),
    '[client]',
    `user = ${quoted(user)}`,
    `host = ${quoted(socket === undefined ? host : 'localhost')}`,
    `port = ${port}`,
    ...(socket === undefined ? ['protocol = TCP'] : ['protocol = SOCKET', `socket = ${quoted(socket)}`]),
    // Empty if no password is required: with a password MariaDB's clients require TLS.
    `password = ${quoted(socket === undefined ? (secret ?? '') : '')}`,
    // MySQL's programs, which continue without TLS, do not know the option.
    '[client-mariadb]',
    'skip-ssl',
    'skip-ssl-verify-server-cert',
    ...(database === undefined ? [] : ['[mysql]', `database = ${quoted(database)}`]),
  ]
  return `${lines.join('\n')}\n`
}

/**
 * Within quotes a backslash begins an escape. Source: my_default.c, search_default_file_with_ext. The file has an option a line, and some are
 * commands that programs run (`pager`): what names of the gateway contain may not end one.
 */
function quoted(text: string): string {
  if (/\p{Cc}/u.test(text))
    throw new PamError('PROTOCOL_VIOLATION', 'the gateway names an account or a database that has control characters', {
      side: 'gateway',
      hint: 'tell your administrator: nothing was started',
    })
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

/** The port of a target, and the parameters for clients. */
function describe(target: Target, listener: ListenerInfo): HowToConnect {
  const { host, port, socket, user, database = '', secret } = wayTo(target, listener)
  const [login, name] = [encodeURIComponent(user), encodeURIComponent(database)]
  const password = secret === undefined ? '' : `:${encodeURIComponent(secret)}`
  const url = `mysql://${login}${password}@${host}:${port}/${name}`
  // To be pasted into a shell: the names are the gateway's.
  const [as, on] = [`--user=${shellWord(user)} --skip-ssl`, shellWord(database)]
  return describeDatabase(
    target.name,
    { host, port, user, database, secret },
    {
      url,
      more: socket === undefined ? {} : { socket },
      commands: [
        `mariadb --host=${host} --port=${port} ${as}${secret === undefined ? '' : ' --password'} ${on}`,
        ...(socket === undefined ? [] : [`mariadb --socket=${shellWord(socket)} ${as} ${on}`]),
        url,
        `jdbc:mysql://${host}:${port}/${name}?user=${login}&sslMode=DISABLED`,
      ],
    },
  )
}

/** In the directory of the Unix socket. */
const SOCKET = 'mysql.sock'
/** Options that my_load_defaults accepts only before all others. */
const READING = /^--(?:no-defaults|print-defaults|defaults-file|defaults-extra-file|login-path)(?:=|$)/
const OPTION_FILE_PROGRAMS = new Set(
  ['', '-admin', '-binlog', '-check', '-dump', '-import', '-show', '-slap'].flatMap((name) => [
    `mariadb${name}`,
    `mysql${name.replace('-', '')}`,
  ]),
)
const CONFLICTING = [
  'MYSQL_HOST',
  'MYSQL_TCP_PORT',
  'MYSQL_UNIX_PORT',
  'MYSQL_PWD',
  'MYSQL_HOME',
  'MYSQL_GROUP_SUFFIX',
  'MYSQL_TEST_LOGIN_FILE',
  'MARIADB_HOME',
  'LIBMYSQL_PLUGINS',
  'LIBMYSQL_PLUGIN_DIR',
  'LIBMYSQL_ENABLE_CLEARTEXT_PLUGIN',
  'PAMCTL_TOKEN',
  'DATABASE_URL',
]

export const mysqlClient: ClientHalf = {
  listens: true,
  programs: new Set([...OPTION_FILE_PROGRAMS, 'mycli']),
  prepare,
  environment: lastingVariables,
  describe,
  openQuery: async (start) => (await import('./query/connect.ts')).connectMysql(start),
}
