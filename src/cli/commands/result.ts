import { Option } from 'commander'
import type { ApiClient } from '../../gateway-client/api-client.ts'
import { PamError, UsageError } from '../../shared/errors.ts'
import { visibleInLine } from '../../shared/visible.ts'
import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { Exit } from '../exit-codes.ts'
import type { CommandOutput } from '../held/job.ts'
import { errorFrom, ResultStore, type KeptResult } from '../held/result-store.ts'
import { runDetached } from '../held/run-detached.ts'
import { needId } from '../ids.ts'
import { interruptible } from '../interruption.ts'
import { whileWaiting } from '../output/spinner.ts'
import { QUERY_FORMATS, writeResults, type QueryFormat } from '../query/formats.ts'

interface ResultOptions {
  readonly wait?: boolean
  readonly keep?: boolean
  readonly format?: QueryFormat
  readonly json?: boolean
}

/** `pamctl result [ID]`: what came of a statement or command that was detached while it was held. */
export const result: AddCommand = (program, run) => {
  program
    .command('result [approval]')
    .description(
      'fetch the result of a statement or command that was held (--detach of query and exec); without an id: list them',
    )
    .option('--wait', 'wait until it is decided and has run')
    .option('--keep', 'keep it for another time, until the access ends')
    .addOption(new Option('--format <format>', 'how to print rows (default: table)').choices(QUERY_FORMATS))
    .addOption(jsonOption().conflicts('format'))
    .action(
      run((context: CliContext, id: string | undefined, options: ResultOptions) =>
        id === undefined ? listResults(context, options) : fetchResult(context, id, options),
      ),
    )
  program.command('run-detached', { hidden: true }).action(run(runDetached))
}

async function listResults({ io, paths, now }: CliContext, { json }: ResultOptions): Promise<void> {
  const kept = new ResultStore(paths().home, now).list().map((one) => ({
    id: one.id,
    target: one.target,
    state: isOpen(one) && !isAlive(one.pid) ? ('lost' as const) : one.state,
    ...(one.state === 'held' ? { approvers: one.approvers } : {}),
    createdAt: one.startedAt,
    endsAt: one.grant.endsAt,
  }))
  if (json === true) return io.json(kept)
  if (kept.length === 0) return io.note('no results')
  await io.table(kept, {
    ID: ({ id }) => id,
    TARGET: ({ target }) => target,
    STATE: ({ state, approvers }) => (state === 'held' ? `held, waiting for ${approvers?.join(' or ')}` : state),
    ASKED: ({ createdAt }) => io.age(createdAt),
    ENDS: ({ endsAt }) => io.age(endsAt),
  })
}

async function fetchResult(context: CliContext, id: string, options: ResultOptions): Promise<void> {
  const { io } = context
  needId(id, 'apr')
  const api = await context.client()
  const store = new ResultStore(context.paths().home, context.now)
  const named = store.list().filter((kept) => kept.id.startsWith(id))
  let kept = await own(api, named.length === 1 ? named[0] : store.read(id), id)
  if (isOpen(kept) && options.wait === true) kept = await untilOver(context, store, kept)
  await needCurrentGrant(api, store, kept)
  if (isOpen(kept) && isAlive(kept.pid)) await stillRunning(api, kept)
  const { error, results, output } = kept
  if (output !== undefined && options.format !== undefined && options.format !== 'json')
    throw new UsageError(`${kept.id} is of a command, and has no rows`, 'leave out --format, or give --json')
  if (error === undefined && results !== undefined)
    await writeResults(results, options.json === true ? 'json' : (options.format ?? 'table'), io)
  if (output !== undefined) writeOutput(context, output, options.json === true || options.format === 'json')
  if (options.keep !== true) store.remove(kept.id)
  if (isOpen(kept)) throw await lostError(api, kept, 'the process that kept its connection has ended')
  if (output !== undefined) throw new Exit(output.exitCode)
  if (error === undefined) return
  throw LOST.has(error.code) ? await lostError(api, kept, error.message) : errorFrom(error)
}

/** The result, where the person is the one who asked, at the same gateway. */
async function own(api: ApiClient, kept: KeptResult | undefined, id: string): Promise<KeptResult> {
  const person = (await api.whoami()).person.id
  if (kept !== undefined && kept.gateway === api.gateway && kept.person === person) return kept
  throw new PamError('NOT_FOUND', `no result of ${id} is kept here`, {
    hint: 'a result is kept on the machine that ran the command with --detach, and fetched once; "pamctl result" lists what is kept',
    id,
  })
}

async function untilOver({ io }: CliContext, store: ResultStore, kept: KeptResult): Promise<KeptResult> {
  return interruptible(async (interruption) => {
    const { signal } = interruption
    return whileWaiting(io, waitText(kept), async (show) => {
      let current = kept
      const isDone = (): boolean => {
        current = store.read(kept.id) ?? current
        if (isOpen(current)) show(waitText(current))
        return !isOpen(current) || !isAlive(current.pid)
      }
      await store.follow(kept.id, isDone, signal)
      if (!signal.aborted) return current
      io.note(`${waitText(current)}; to fetch what comes of it: pamctl result ${kept.id} --wait`)
      throw new Exit(interruption.exitCode)
    })
  })
}

/** A result ends with the access that it was got by, also where that was revoked. */
async function needCurrentGrant(api: ApiClient, store: ResultStore, kept: KeptResult): Promise<void> {
  const { items } = await api.grants.list({ active: true, limit: 100 })
  if (items.some(({ id, state }) => id === kept.grant.id && state === 'active')) return
  store.remove(kept.id)
  throw new PamError(
    'RESULT_EXPIRED',
    `your access to ${kept.target} has ended, and the result of ${kept.id} with it`,
    {
      hint: 'request access again, and run it again',
      id: kept.id,
    },
  )
}

/** Says what something without a result waits for; it does not return. */
async function stillRunning(api: ApiClient, kept: KeptResult): Promise<never> {
  const { waitsFor } = kept
  const { state } = await api.reviews.get(waitsFor)
  throw new PamError('REQUEST_PENDING', waitText({ ...kept, state: state === 'pending' ? 'held' : 'running' }), {
    hint: 'run this again, or give --wait',
    id: waitsFor,
  })
}

/** The connection ended before the answer: whether it ran is told by what became of its approval. */
async function lostError(api: ApiClient, { id, waitsFor }: KeptResult, reason: string): Promise<PamError> {
  const { state } = await api.reviews.get(waitsFor)
  const mayHaveRun = state === 'approved' || state === 'used'
  return new PamError(mayHaveRun ? 'GATEWAY_LOST' : 'HOLD_WITHDRAWN', `there is no result of ${id}: ${reason}`, {
    hint: mayHaveRun
      ? `${waitsFor} was approved: whether it has run is in the record of its session (pamctl sessions)`
      : `${waitsFor} was withdrawn and did not run: run it again`,
    id: waitsFor,
  })
}

/** What ends a connection from outside. */
const LOST: ReadonlySet<string> = new Set([
  'SHUTTING_DOWN',
  'GATEWAY_LOST',
  'NOT_SIGNED_IN',
  'IDENTITY_LOST',
  'LOCKED',
  'SESSION_KILLED',
  'HOLD_WITHDRAWN',
  'INTERNAL',
])

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

const isOpen = ({ state }: KeptResult): boolean => state === 'held' || state === 'running'

const waitText = ({ waitsFor, state, approvers }: KeptResult): string =>
  visibleInLine(
    state === 'held'
      ? `${waitsFor} is held, waiting for ${approvers.join(' or ')}`
      : `${waitsFor} was approved and is running`,
  )

/** Streams as they were; the exit code is the command's own. */
function writeOutput(
  { io, streams }: CliContext,
  { exitCode, stdout, stderr, truncated }: CommandOutput,
  json: boolean,
): void {
  const [out, error] = [Buffer.from(stdout, 'base64'), Buffer.from(stderr, 'base64')]
  if (json) return io.json({ exitCode, stdout: out.toString('utf8'), stderr: error.toString('utf8'), truncated })
  streams.stdout.write(out)
  streams.stderr.write(error)
  if (truncated) io.note('there was more: 32 MiB of what a command prints are kept')
}
