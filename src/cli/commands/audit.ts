import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import {
  AuditVerifier,
  type AuditCheckpoint,
  type AuditedRecording,
  type AuditRecord,
} from '../../recording/audit-chain.ts'
import { digestOfFile } from '../../recording/homes/directory.ts'
import { sentenceOf } from '../../recording/audit-sentences.ts'
import { toOcsf } from '../../recording/ocsf.ts'
import { parseExactJson } from '../../shared/exact-json.ts'
import { UsageError } from '../../shared/errors.ts'
import { count } from '../../shared/in-words.ts'
import { fileProblem } from '../../shared/file-problem.ts'
import { answerBudget } from '../../gateway-client/answer-lines.ts'
import type { AuditFilter } from '../../gateway-client/api-client.ts'
import { newestEntries } from '../audit-entries.ts'
import {
  addPersonOption,
  durationOption,
  jsonOption,
  personIn,
  type AddCommand,
  type PersonOptions,
} from '../command.ts'
import type { CliContext } from '../context.ts'
import { Exit } from '../exit-codes.ts'
import { needKnownPerson } from '../known-person.ts'
import { readKeys } from './verify.ts'

interface AuditOptions extends PersonOptions {
  readonly since?: number
  readonly target?: string
  readonly type?: string
  readonly limit?: number
  readonly format?: 'json' | 'ocsf'
  readonly json?: boolean
}

interface VerifyAuditOptions {
  readonly key: string
  readonly file?: string
  readonly checkpoint: readonly string[]
  readonly recordings?: string
  readonly json?: boolean
}

/** `pamctl audit`: every change of state, and every refused access. */
export const audit: AddCommand = (program, run) => {
  const command = program
    .command('audit')
    .description('show the audit chain (auditors)')
    .addOption(durationOption('--since <duration>', 'how far back', 'PAMCTL_SINCE'))
  addPersonOption(command, 'only actions of this person')
    .option('--target <name>', 'only entries about this target')
    .option('--type <type>', 'only entries whose type starts with this, such as session or grant.revoked')
    .addOption(
      new Option(
        '--limit <n>',
        `how many to show, the newest ones (default: ${SHOWN}; with --json and --format: all)`,
      ).argParser(countOf),
    )
    .addOption(new Option('--format <format>', 'a line of JSON per entry').choices(['json', 'ocsf']))
    .addOption(jsonOption())
    .action(run(showAudit))
  command
    .command('verify')
    .description('verify the audit chain, and the records against it')
    .requiredOption('--key <file>', 'public keys of the gateway (gateway.pub)')
    .option('--file <file>', 'an export of the whole chain (pamctl audit --format json), instead of asking the gateway')
    .addOption(
      new Option('--checkpoint <file>', 'checkpoints that were kept elsewhere; repeat it for several files')
        .argParser((file: string, all: readonly string[]) => [...all, file])
        .default([], 'none'),
    )
    .option('--recordings <directory>', 'a copy of the records: each that was sealed must be there')
    .addOption(jsonOption())
    .action(
      // The library takes --json for that of `audit`, wherever it is.
      run((context: CliContext, _: unknown, own: Command) =>
        verifyAudit(context, own.optsWithGlobals<VerifyAuditOptions>()),
      ),
    )
}

async function showAudit(context: CliContext, options: AuditOptions): Promise<void> {
  const { io } = context
  const { since, target, type, format, json, limit } = options
  const person = personIn(options, context)
  const asked: AuditFilter = {
    since: since === undefined ? undefined : new Date(context.now() - since).toISOString(),
    user: person,
    target,
    type,
  }
  const api = await context.client()
  const isForPeople = format === undefined && json !== true
  const newest = limit === undefined && !isForPeople ? undefined : await newestEntries(api, asked, limit ?? SHOWN)
  const records = newest?.records ?? api.audit(asked, format === undefined ? answerBudget(MAX_KEPT_MIB) : undefined)
  if (format !== undefined) {
    for await (const record of records) io.jsonLine({ value: format === 'ocsf' ? toOcsf(record) : record })
    return
  }
  const rows: AuditRecord[] = []
  for await (const record of records) rows.push(record)
  if (rows.length === 0 && person !== undefined) await needKnownPerson(api, person)
  if (json === true) return io.json(rows)
  if (rows.length === 0) return io.note('no entries')
  const names = newest ?? { people: {}, subjects: {} }
  await io.table(
    rows,
    {
      SEQ: ({ seq }) => String(seq),
      WHEN: ({ at }) => (io.stdoutIsTerminal ? io.clock(at) : at),
      TYPE: ({ type: of }) => of,
      WHAT: (record) => sentenceOf(record, names),
    },
    // The words of --type are whole wherever there is room for them.
    { clipFirst: ['WHAT'] },
  )
  if (newest?.hasMore === true) io.note(`only the newest ${rows.length} are shown; --limit gives more`)
}

function countOf(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('expected a whole number from 1')
  return value
}

/** Of entries that are printed as one array; `--format json` has no limit. */
const MAX_KEPT_MIB = 256
/** Entries, where nobody says how many. */
const SHOWN = 50

async function verifyAudit(context: CliContext, options: VerifyAuditOptions): Promise<void> {
  const { io } = context
  const read = options.checkpoint.map(readCheckpoints)
  const checkpoints = read.flatMap(({ whole }) => whole)
  const damaged = read.flatMap(({ damaged: lines }) => lines)
  const verifier = new AuditVerifier(readKeys(options.key), checkpoints)
  for await (const record of options.file === undefined ? (await context.client()).audit({}) : readExport(options.file))
    verifier.check(record)
  const result = verifier.result()
  const records = [
    ...found(verifier.recordings),
    ...(options.recordings === undefined ? [] : await compare(verifier.recordings, options.recordings)),
  ]
  const findings = verifier.findings.map(({ subject, problem }) => ({ subject, problem: describeFinding(problem) }))
  if (options.json === true) io.json({ ...result, findings, records, ...(damaged.length === 0 ? {} : { damaged }) })
  else {
    for (const problem of damaged) io.print(`CHECKPOINT INVALID: ${problem}`)
    if (result.status === 'invalid')
      for (const problem of [result, ...result.more])
        io.print(`${PROBLEMS[problem.kind]}: entry ${problem.seq} ${problem.reason}`)
    for (const { subject, problem } of findings) io.print(`${subject}: ${problem}`)
    for (const { session, problem } of records) io.print(`${session}: ${problem}`)
    if (result.status === 'valid') {
      const chain = `${count(result.entries, 'entry')}, ${count(result.checkpoints, 'checkpoint')} valid`
      const problems = findings.length + records.length + damaged.length
      // The last line is the one that is read: it never says "valid" of a chain whose records are not.
      io.print(
        problems === 0
          ? `valid: ${chain}`
          : `${count(problems, 'problem')} with what the chain says; the chain itself: ${chain}`,
      )
      if (checkpoints.length === 0)
        io.print('only an externally stored --checkpoint can show that the chain was not truncated or replaced')
    }
  }
  if (result.status === 'invalid' || damaged.length > 0) throw new Exit(1)
  const problems = [...findings, ...records].map(({ problem }) => problem)
  // As `pamctl verify` exits for such a record: it is open, or a power cut may have taken the end, and nothing else is wrong.
  if (problems.length > 0) throw new Exit(problems.every((problem) => /^(?:SHORT|OPEN)/.test(problem)) ? 9 : 1)
}

const PROBLEMS = { contradiction: 'CONTRADICTION', chain: 'INVALID', checkpoint: 'CHECKPOINT INVALID' } as const

const describeFinding = (problem: string): string =>
  problem.replace(/^(altered|short|stray)/, (word) => word.toUpperCase())

/** What the gateway itself found wrong with records. */
function found(known: ReadonlyMap<string, AuditedRecording>): { session: string; problem: string }[] {
  return [...known.values()].flatMap(({ session, damaged, tail, problem }) => {
    if (damaged !== undefined) return [{ session, problem: `DAMAGED: ${damaged}` }]
    const why = problem === undefined ? '' : `: ${problem}`
    if (tail === 'altered')
      return [
        { session, problem: `ALTERED: it was closed after a stop, and its end is not what the gateway left${why}` },
      ]
    if (tail === 'short')
      return [{ session, problem: `SHORT: it was closed after a stop, and events are missing at its end${why}` }]
    return problem === undefined ? [] : [{ session, problem: `RESTORED: ${problem}` }]
  })
}

/** Records that the chain knows and that are not what it says. */
async function compare(
  known: ReadonlyMap<string, AuditedRecording>,
  directory: string,
): Promise<{ session: string; problem: string }[]> {
  if (!existsSync(directory)) throw new UsageError(`--recordings: ${directory} does not exist`)
  if (!statSync(directory).isDirectory()) throw new UsageError(`--recordings: ${directory} is not a directory`)
  const files = new Map<string, string>()
  const problems: { session: string; problem: string }[] = []
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    if (!/\.pamrec$/i.test(name)) continue
    const session = name.replace(/^.*[\\/]/, '').slice(0, -'.pamrec'.length)
    if (files.has(session)) problems.push({ session, problem: `TWICE: ${name} is not its only file` })
    else files.set(session, join(directory, name))
  }
  for (const { session, sha256, deleted, damaged, missing, ended } of known.values()) {
    const file = files.get(session)
    files.delete(session)
    // A copy may outlive what the gateway keeps: it is the record if it has the last digest that the chain has of it.
    if (file !== undefined) {
      if (sha256 === undefined)
        problems.push({
          session,
          problem: 'UNSEALED: the chain has no digest of it, so nothing shows what this file is',
        })
      else if ((await digestOfFile(file)) !== sha256)
        problems.push({ session, problem: 'CHANGED: it is not what was sealed' })
      continue
    }
    if (deleted === true || damaged !== undefined) continue
    if (sha256 === undefined) {
      if (missing === true) problems.push({ session, problem: 'MISSING: a start of the gateway found no record' })
      else if (ended === true)
        problems.push({ session, problem: 'MISSING: the session ended, but its record was never sealed' })
      else problems.push({ session, problem: 'OPEN: the chain has neither its end nor a record of it' })
      continue
    }
    problems.push({ session, problem: 'MISSING: the chain says it was sealed, and it is not there' })
  }
  for (const session of files.keys()) problems.push({ session, problem: 'UNKNOWN: the chain has no entry for it' })
  return problems
}

async function* readExport(file: string): AsyncGenerator<AuditRecord, void, undefined> {
  for (const line of readLines(file)) yield line as AuditRecord
}

/** The checkpoints of a file, and which of its lines are none: each checkpoint covers all before it, so the others still say what they say. */
function readCheckpoints(file: string): { readonly whole: AuditCheckpoint[]; readonly damaged: string[] } {
  const [whole, damaged]: [AuditCheckpoint[], string[]] = [[], []]
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(fileProblem(file, error), 'expected one checkpoint per line, as the gateway wrote it')
  }
  text.split('\n').forEach((line, index) => {
    if (line === '') return
    try {
      whole.push(checkpointIn(parseExactJson(line)))
    } catch {
      damaged.push(`line ${index + 1} of ${file} is not a checkpoint`)
    }
  })
  return { whole, damaged }
}

/** What it says is checked by the verifier. */
function checkpointIn(value: unknown): AuditCheckpoint {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not an object')
  return value as AuditCheckpoint
}

function readLines(file: string): unknown[] {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line, index) => parseLine(line, index + 1))
  } catch (error) {
    throw new UsageError(fileProblem(file, error), 'expected one JSON object per line, unchanged')
  }
}

function parseLine(line: string, number: number): unknown {
  try {
    return parseExactJson(line)
  } catch (error) {
    throw new Error(`line ${number} ${(error as Error).message}`, { cause: error })
  }
}
