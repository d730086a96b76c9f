import { spawn, type ChildProcess } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunningGateway } from '../../src/demo/stack.ts'
import { verifyRecording, type TrustedKey } from '../../src/recording/verify.ts'
import { openSqlite } from '../../src/storage/database.ts'
import { verifyAudit } from './audit.ts'
import { eventually, openPort, signIn, type Port } from './gateway-client.ts'
import type { OwnGateways } from './own-gateway.ts'
import { eventsOf, filesIn } from './recordings.ts'
import { pgEnvironment } from './run.ts'

/** What a run of kills found. Every list must be empty. */
export interface CrashReport {
  readonly kills: number
  readonly sessions: number
  readonly executed: number
  readonly acknowledged: number
  readonly recorded: number
  /** Commands on record without an outcome. */
  readonly mayHaveRun: number
  /** The server ran it, and no record has it. */
  readonly unrecorded: readonly string[]
  /** A client was told that it ran, and no record has it. */
  readonly lost: readonly string[]
  /** A record has its outcome, and the server never ran it. */
  readonly invented: readonly string[]
  /** Records that are not genuine, or whose end is not whole. */
  readonly unverified: readonly string[]
  readonly audit: string
}

/** Every statement carries a mark of its own; this finds them again. */
const MARK = /mark_[a-z]+_[0-9a-z]+_[0-9a-z]+/g

/**
 * Real psql, pgbench and COPY through a gateway that is killed at random moments and started again; then the server's own log, what the clients
 * were told, and the records are held against each other.
 */
export async function crash(
  own: OwnGateways,
  { kills, random, durability }: { kills: number; random: () => number; durability: 'buffered' | 'strict' },
): Promise<CrashReport> {
  const directory = await own.configured((config) => `${config}\nrecording: { durability: ${durability} }\n`)
  const work = mkdtempSync(join(tmpdir(), 'pamctl-test-crash-'))
  await direct(own, 'create table if not exists marks (mark text)')
  const logStart = own.postgres.log().length
  const acknowledged = new Set<string>()
  for (let kill = 0; kill < kills; kill++) {
    const gateway = await own.startAlone(directory)
    const jane = await signIn(gateway.url, 'jane')
    const port = await openPort(jane, 'dev-db')
    const traffic = [
      psqlTraffic(port, kill, acknowledged),
      copyTraffic(port, kill),
      ...pgbenchTraffic(port, kill, work),
    ]
    // Any moment may come before the first statement; every other time there is traffic first, however slow the machine is.
    const before = acknowledged.size
    if (kill % 2 === 1)
      await eventually(() => (acknowledged.size > before + kills ? true : undefined), 'statements run')
    await killLater(gateway, 30 + random() * 1500)
    for (const child of traffic) child.kill('SIGKILL')
    port.close()
    await statementsEnd(own)
  }
  const last = await own.startAlone(directory)
  await last.stop('SIGTERM')
  rmSync(work, { recursive: true })
  const executed = countMarks(own.postgres.log().slice(logStart).match(EXECUTED) ?? [])
  return compare(directory, { kills, executed, acknowledged })
}

async function compare(
  directory: string,
  { kills, executed, acknowledged }: { kills: number; executed: Counts; acknowledged: ReadonlySet<string> },
): Promise<CrashReport> {
  const keys: TrustedKey[] = [{ key: createPublicKey(readFileSync(join(directory, 'data', 'keys', 'gateway.pub'))) }]
  const recorded: Counts = new Map()
  const done: Counts = new Map()
  const unverified: string[] = []
  let mayHaveRun = 0
  const files = filesIn(join(directory, 'data'), '.pamrec')
  for (const file of files) {
    const result = await verifyRecording(file, keys)
    if (result.status !== 'sealed' && !(result.status === 'recovered' && result.tail === 'whole'))
      unverified.push(`${file}: ${JSON.stringify(result)}`)
    const commands = new Map<string, string[]>()
    const answered = new Set<string>()
    for (const event of await eventsOf(file)) {
      if (event.type === 'command' && event.verdict === 'allow') {
        const marks: string[] = event.text.match(MARK) ?? []
        commands.set(event.id, marks)
        count(recorded, marks)
      }
      if (event.type === 'result' && event.error === undefined) answered.add(event.command)
    }
    for (const [id, marks] of commands) {
      if (answered.has(id)) count(done, marks)
      else mayHaveRun++
    }
  }
  const fewer = (some: Counts, than: Counts): string[] =>
    [...than].filter(([mark, times]) => (some.get(mark) ?? 0) < times).map(([mark]) => mark)
  const store = await openSqlite(join(directory, 'data', 'state.db'))
  const audit = await verifyAudit(store, keys)
  const open = await store.read
    .selectFrom('recordings')
    .select('session_id')
    .where('state', 'in', ['open', 'missing', 'damaged'])
    .execute()
  await store.close()
  return {
    kills,
    sessions: files.length,
    executed: sum(executed),
    acknowledged: acknowledged.size,
    recorded: sum(recorded),
    mayHaveRun,
    unrecorded: fewer(recorded, executed),
    lost: [...acknowledged].filter((mark) => !recorded.has(mark)),
    invented: fewer(executed, done),
    unverified: [...unverified, ...open.map(({ session_id }) => `${session_id} is not whole in the store`)],
    audit: audit.status === 'valid' ? 'valid' : JSON.stringify(audit),
  }
}

/** How often each mark was seen. */
type Counts = Map<string, number>

const count = (counts: Counts, marks: readonly string[]): void => {
  for (const mark of marks) counts.set(mark, (counts.get(mark) ?? 0) + 1)
}

const countMarks = (lines: readonly string[]): Counts => {
  const counts: Counts = new Map()
  for (const line of lines) count(counts, line.match(MARK) ?? [])
  return counts
}

const sum = (counts: Counts): number => [...counts.values()].reduce((total, times) => total + times, 0)

/** What the server logs when it begins a statement; what it quotes beside an error is none. */
const EXECUTED = /LOG:\s+(?:statement|execute [^:]*): .*/g

const killLater = (gateway: RunningGateway, milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(() => resolve(gateway.stop('SIGKILL')), milliseconds))

const environment = (port: Port): NodeJS.ProcessEnv => ({ ...process.env, ...pgEnvironment(port, 'app_dev') })

/** One session that inserts as fast as it can; what psql prints, the server has acknowledged. */
function psqlTraffic(port: Port, kill: number, acknowledged: Set<string>): ChildProcess {
  const child = spawn('psql', ['-X', '-q', '-A', '-t'], { env: environment(port), stdio: ['pipe', 'pipe', 'ignore'] })
  let begun = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (begun + text).split('\n')
    begun = lines.pop() ?? ''
    for (const mark of lines) if (mark !== '') acknowledged.add(mark)
  })
  child.stdin.on('error', () => {})
  const lines = Array.from(
    { length: 5000 },
    (_, n) => `insert into marks values ('mark_psql_${kill}_${n.toString(36)}') returning mark;`,
  )
  child.stdin.end(lines.join('\n'))
  return child
}

/** COPY in both directions, over and over, each in a session of its own. */
function copyTraffic(port: Port, kill: number): ChildProcess {
  const script = `n=0; while [ $n -lt 50 ]; do n=$((n+1))
    seq 1 20000 | psql -X -q -c "copy marks /* mark_copyin_${kill}_$n */ from stdin" || exit
    psql -X -q -c "copy (select 'mark_copyout_${kill}_$n', m.* from marks m limit 20000) to stdout" >/dev/null || exit
  done`
  return spawn('sh', ['-c', script], { env: environment(port), stdio: 'ignore' })
}

/** Simple and prepared statements, two clients each, connecting anew now and then. */
function pgbenchTraffic(port: Port, kill: number, work: string): ChildProcess[] {
  return (['simple', 'prepared'] as const).map((protocol) => {
    const file = join(work, `${kill}-${protocol}.sql`)
    // A number as a parameter would not be in the server's log: the mark is in the text.
    const statements = Array.from(
      { length: 40 },
      (_, n) => `insert into marks values ('mark_${protocol}_${kill}_${n.toString(36)}');`,
    )
    writeFileSync(file, `${statements.join('\n')}\n`)
    const args = ['-n', '-c', '2', '-t', '100', '-M', protocol, '-f', file]
    return spawn('pgbench', args, { env: environment(port), stdio: 'ignore' })
  })
}

/** What runs still is logged by the server when it begins: nothing begins any more once nobody is connected. */
async function statementsEnd(own: OwnGateways): Promise<void> {
  const admin = await own.superuser('app_dev')
  await eventually(async () => {
    const { rows } = await admin.query<{ n: string }>(
      "select count(*) as n from pg_stat_activity where datname = 'app_dev' and pid <> pg_backend_pid()",
    )
    return rows[0]?.n === '0' ? true : undefined
  }, 'nobody is connected')
  await admin.end()
}

async function direct(own: OwnGateways, sql: string): Promise<void> {
  const admin = await own.superuser('app_dev')
  await admin.query(sql)
  await admin.query('grant all on marks to public')
  await admin.end()
}
