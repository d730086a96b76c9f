import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { runningAgent, type AgentConnection } from '../../src/agent/control-client.ts'
import type { AgentEvent, ControlMethods, ControlRequest } from '../../src/agent/control-messages.ts'
import { readJsonLines } from '../../src/agent/json-lines.ts'
import { userPaths } from '../../src/agent/paths.ts'
import type { AddCommand, Run } from '../../src/cli/command.ts'
import type { CliContext, GlobalOptions } from '../../src/cli/context.ts'
import { outcomeOf } from '../../src/cli/exit-codes.ts'
import { createIo } from '../../src/cli/output/io.ts'
import { httpCall } from '../../src/shared/http-call.ts'
import { readSettings } from '../../src/cli/settings.ts'
import { withNearestId } from '../../src/cli/completion/suggest-id.ts'
import { createApiClient } from '../../src/gateway-client/api-client.ts'
import { programStreams } from './program-streams.ts'
import { PamError, asPamError, toErrorBody } from '../../src/shared/errors.ts'

/** What the clock of a verb says. */
export const NOW = Date.UTC(2026, 0, 5, 12)
/** Minutes before it. */
export const ago = (minutes: number): string => new Date(NOW - minutes * 60_000).toISOString()

/** A value is answered as JSON, text as it is; an error as the gateway would put it. */
type Answer = object | string | PamError | ((call: ApiCall) => object | string | PamError)

export interface ApiCall {
  /** `GET /v1/sessions?limit=30` */
  readonly call: string
  readonly body?: unknown
}

export interface AgentCall {
  readonly method: string
  readonly params: unknown
}

export interface World {
  /** What the gateway answers, by method and path, with or without the query. */
  readonly gateway?: Readonly<Record<string, Answer>>
  /** What an agent answers; without it, none is running. */
  readonly agent?: Readonly<{
    [M in keyof ControlMethods]?: ControlMethods[M]['result'] | PamError
  }>
  /** Told by the agent before it answers. */
  readonly events?: readonly AgentEvent[]
  /** The agent goes away once it has answered this. */
  readonly agentLeavesAfter?: keyof ControlMethods
  /** Standard output and error are a terminal. Standard input is none: nothing is ever asked. */
  readonly terminal?: boolean
  /** Of the terminal. */
  readonly columns?: number
  /** Standard input is one as well, at which this is typed. */
  readonly typed?: string
  /** What standard input gives where it is none. */
  readonly input?: string
  readonly options?: GlobalOptions
  readonly environment?: NodeJS.ProcessEnv
  /** What is kept from one run to the next. */
  readonly home?: string
}

export interface VerbOutcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** What the gateway was asked, in order. */
  readonly calls: readonly ApiCall[]
  readonly agentCalls: readonly AgentCall[]
}

/** Runs verbs of pamctl within this process, against a gateway and an agent that answer from tables; everything else is the real thing. */
export async function runVerb(
  verbs: readonly AddCommand[],
  args: readonly string[],
  world: World = {},
): Promise<VerbOutcome> {
  const home = world.home ?? mkdtempSync(join(tmpdir(), 'pamctl-verb-'))
  const environment = { PAMCTL_HOME: home, ...world.environment }
  const paths = userPaths(environment)
  const [calls, agentCalls]: [ApiCall[], AgentCall[]] = [[], []]
  const output = { stdout: '', stderr: '' }
  const now = (): number => NOW
  const streams = programStreams({
    columns: world.terminal === true ? (world.columns ?? 200) : undefined,
    input: world.typed ?? world.input ?? '',
    isTyped: world.typed !== undefined,
    heard: (text, to) => (output[to] += text),
  })
  const io = createIo(streams, environment, now)
  const server = world.agent === undefined ? undefined : await startAgent(paths.control, world, agentCalls)
  const connections: AgentConnection[] = []
  const context: CliContext = {
    io,
    options: world.options ?? {},
    environment,
    streams,
    now,
    httpCall,
    paths: () => paths,
    settings: () => readSettings(home),
    authority: () => undefined,
    profile: () => Promise.resolve(world.options?.profile ?? 'default'),
    async agent() {
      const connection = connections[0] ?? (await runningAgent(paths))
      if (connection === undefined) throw new Error('the test gives no agent')
      connections.push(connection)
      return connection
    },
    // The tables have of an answer what the verb reads.
    client: () =>
      Promise.resolve(
        createApiClient({ gateway: GATEWAY, fetch: answering(world.gateway ?? {}, calls), answers: 'trusted' }),
      ),
    close: () => {},
  }
  try {
    return { code: await codeOf(verbs, args, context), ...output, calls, agentCalls }
  } finally {
    for (const connection of connections) connection.close()
    await server?.stop()
    if (world.home === undefined) rmSync(home, { recursive: true })
  }
}

const GATEWAY = 'https://gateway.example'

async function codeOf(verbs: readonly AddCommand[], args: readonly string[], context: CliContext): Promise<number> {
  const run: Run =
    (work) =>
    (...given) =>
      work(context, ...given).catch(async (error: unknown) => {
        throw await withNearestId(error, context, given)
      })
  const program = new Command('pamctl').exitOverride().configureOutput({ writeErr: (text) => context.io.note(text) })
  for (const add of verbs) add(program, run)
  const configure = (command: Command): void => {
    command.exitOverride().configureOutput({ writeErr: (text) => context.io.note(text.trimEnd()) })
    command.commands.forEach(configure)
  }
  configure(program)
  try {
    await program.parseAsync([...args], { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    const outcome = outcomeOf(error)
    if (outcome.error !== undefined) context.io.fail(outcome.error.message, outcome.error.hint)
    return outcome.code
  }
}

const answering =
  (answers: NonNullable<World['gateway']>, calls: ApiCall[]): typeof fetch =>
  (input, init) => {
    const url = new URL(String(input))
    const made: ApiCall = {
      call: `${init?.method} ${url.pathname}${url.search}`,
      ...(init?.body === undefined ? {} : { body: JSON.parse(init.body as string) as unknown }),
    }
    calls.push(made)
    const found = answers[made.call] ?? answers[`${init?.method} ${url.pathname}`]
    const answer = typeof found === 'function' ? found(made) : (found ?? new PamError('NOT_FOUND', `no ${made.call}`))
    if (!(answer instanceof PamError))
      return Promise.resolve(new Response(typeof answer === 'string' ? answer : JSON.stringify(answer)))
    const { message, ...rest } = toErrorBody(answer)
    return Promise.resolve(new Response(JSON.stringify({ ...rest, detail: message }), { status: 400 }))
  }

/** An agent at a socket that answers from a table. */
export async function startAgent(
  control: string,
  { agent, events = [], agentLeavesAfter = 'stop' }: World,
  calls: AgentCall[],
): Promise<{ stop(): Promise<void> }> {
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    readJsonLines(socket, (value) => {
      const { id, method, params } = value as ControlRequest
      calls.push({ method, params })
      for (const event of events) socket.write(`${JSON.stringify({ event })}\n`)
      const found = agent?.[method]
      const answer = found === undefined ? new PamError('INTERNAL', `the test gives no answer to ${method}`) : found
      const reply = answer instanceof PamError ? { error: toErrorBody(asPamError(answer)) } : { result: answer }
      socket.write(`${JSON.stringify({ id, ...reply })}\n`)
      if (method === agentLeavesAfter) socket.end()
    })
  })
  await new Promise<void>((resolve) => server.listen(control, resolve))
  chmodSync(control, 0o600)
  return {
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  }
}
