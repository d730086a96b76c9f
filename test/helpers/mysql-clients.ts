import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { mariadbClient } from './mariadb.ts'
import { run, type Outcome } from './run.ts'
import { CONNECTOR_J, hasProgram, MARIADB_CONNECTOR_J, MYSQL_GO, PYTHON } from './test-clients.ts'

/** PHP has PDO for MySQL. */
const PHP: boolean = hasProgram('php') && execFileSync('php', ['-m'], { encoding: 'utf8' }).includes('pdo_mysql')

/** Where a client connects to. */
export interface MysqlPort {
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string
}

export interface MysqlClient {
  readonly name: string
  readonly isMissing: boolean
  /** Whether a statement with parameters is prepared on the server, so that its rows are binary. */
  readonly prepares: boolean
  /** What it writes for each statement; parameters stand behind tabs, and `?` is where they go. */
  readonly runs: (port: MysqlPort, statements: readonly string[]) => Promise<string>
}

const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'clients')
const both = ({ stdout, stderr }: Outcome): string => stdout + stderr

function cli(version: '10.11' | '11.4'): MysqlClient {
  const program = mariadbClient(version, 'mariadb')
  return {
    name: `mariadb ${version}`,
    isMissing: program === undefined || (program === 'mariadb' && !hasProgram('mariadb')),
    prepares: false,
    runs: async ({ port, database, user, password }, statements) =>
      both(
        await run(
          program as string,
          // prettier-ignore
          ['--no-defaults', '--host=127.0.0.1', `--port=${port}`, `--user=${user}`, '--skip-ssl', '--table', '--force',
            '--show-warnings', '--default-character-set=utf8mb4', '--column-type-info', database],
          {
            env: { MYSQL_PWD: password },
            input: statements.map((statement) => `${withParameters(statement)};\n`).join(''),
          },
        ),
      ),
  }
}

/** For clients that only know texts. */
function withParameters(statement: string): string {
  const [text = '', ...parameters] = statement.split('\t')
  let next = 0
  return text.replace(/\?/g, () => `'${(parameters[next++] ?? '').replaceAll("'", "''")}'`)
}

const driver = (
  name: string,
  missing: string | undefined | boolean,
  prepares: boolean,
  command: (port: MysqlPort) => readonly [program: string, args: readonly string[]],
  mark = '?',
): MysqlClient => ({
  name,
  isMissing: missing === undefined || missing === false,
  prepares,
  async runs(port, statements) {
    const [program, args] = command(port)
    const lines = statements.map((statement) =>
      statement.includes('\t') ? statement.replaceAll('?', mark) : statement,
    )
    return both(await run(program, args, { input: lines.map((line) => `${line}\n`).join('') }))
  },
})

const five = ({ port, database, user, password }: MysqlPort): string[] => [
  '127.0.0.1',
  String(port),
  database,
  user,
  password,
]

const jdbc = (archive: string | undefined, scheme: string, options: string) => {
  return ({ port, database, user, password }: MysqlPort): readonly [string, string[]] => [
    'java',
    // prettier-ignore
    ['-XX:TieredStopAtLevel=1', '-cp', archive ?? '', join(FIXTURES, 'MysqlJdbc.java'),
      `jdbc:${scheme}://127.0.0.1:${port}/${database}?${options}`, user, password],
  ]
}

/** Command lines and drivers, of MySQL and of MariaDB. */
export const MYSQL_CLIENTS: readonly MysqlClient[] = [
  cli('10.11'),
  cli('11.4'),
  driver(
    'PyMySQL',
    PYTHON,
    false,
    (port) => [PYTHON ?? '', [join(FIXTURES, 'mysql_clients.py'), 'pymysql', ...five(port)]],
    '%s',
  ),
  driver(
    'mysqlclient',
    PYTHON,
    false,
    (port) => [PYTHON ?? '', [join(FIXTURES, 'mysql_clients.py'), 'mysqlclient', ...five(port)]],
    '%s',
  ),
  driver(
    'Connector/Python',
    PYTHON,
    true,
    (port) => [PYTHON ?? '', [join(FIXTURES, 'mysql_clients.py'), 'connector', ...five(port)]],
    '%s',
  ),
  driver('mysql2', true, true, (port) => [process.execPath, [join(FIXTURES, 'mysql2-client.js'), ...five(port)]]),
  driver('PDO', PHP, true, (port) => ['php', [join(FIXTURES, 'mysql-pdo.php'), ...five(port), '1']]),
  driver('PDO, parameters in the text', PHP, false, (port) => [
    'php',
    [join(FIXTURES, 'mysql-pdo.php'), ...five(port), '0'],
  ]),
  driver('go-sql-driver', MYSQL_GO, true, (port) => [MYSQL_GO ?? '', five(port)]),
  driver(
    'Connector/J',
    CONNECTOR_J,
    true,
    jdbc(CONNECTOR_J, 'mysql', 'sslMode=DISABLED&useServerPrepStmts=true&allowMultiQueries=true'),
  ),
  driver(
    'MariaDB Connector/J',
    MARIADB_CONNECTOR_J,
    true,
    jdbc(MARIADB_CONNECTOR_J, 'mariadb', 'useServerPrepStmts=true&allowMultiQueries=true'),
  ),
]
