import { Command, CommanderError, Option } from 'commander'
import { StatementError } from '../protocols/query-client.ts'
import { toErrorBody, UsageError, type PamError } from '../shared/errors.ts'
import { addHelp, sayUsageErrors, type Fail } from '../shared/usage-errors.ts'
import { VERSION } from '../shared/version.ts'
import { createContext, type CliContext, type GlobalOptions } from './context.ts'
import type { AddCommand, Run } from './command.ts'
import { agent } from './commands/agent.ts'
import { breakglass } from './commands/breakglass.ts'
import { completion } from './commands/completion.ts'
import { config } from './commands/config.ts'
import { connect } from './commands/connect.ts'
import { grants, revoke } from './commands/grants.ts'
import { logout, whoami } from './commands/identity.ts'
import { kubeconfig } from './commands/kubeconfig.ts'
import { login } from './commands/login.ts'
import { passkeys } from './commands/passkeys.ts'
import { policy } from './commands/policy.ts'
import { audit } from './commands/audit.ts'
import { doctor } from './commands/doctor.ts'
import { exec } from './commands/exec.ts'
import { exportRecord } from './commands/export.ts'
import { eraseDetached, keep } from './commands/keep.ts'
import { open } from './commands/open.ts'
import { query } from './commands/query.ts'
import { result } from './commands/result.ts'
import { replay } from './commands/replay.ts'
import { search } from './commands/search.ts'
import { tail } from './commands/tail.ts'
import { verify } from './commands/verify.ts'
import { lock, locks, unlock } from './commands/locks.ts'
import { extend, request, requests, withdraw } from './commands/requests.ts'
import { approve, deny, reviews } from './commands/reviews.ts'
import { kill, sessions } from './commands/sessions.ts'
import { sshConfig } from './commands/ssh-config.ts'
import { targets } from './commands/targets.ts'
import { tunnel } from './commands/tunnel.ts'
import { Exit, outcomeOf } from './exit-codes.ts'
import type { Colour } from './output/colours.ts'
import { createIo } from './output/io.ts'

/** `pamctl`: parses the command line, runs one verb, sets the exit code. */
export async function main(args: readonly string[]): Promise<void> {
  const io = createIo(process, process.env, Date.now)
  let context: CliContext | undefined
  const fail = (error: PamError): void =>
    wantsJsonErrors(args) ? io.failJson(errorJson(error)) : io.fail(error.message, error.hint)
  const program = createProgram(
    (work) =>
      async (...given) => {
        const options = program.opts<GlobalOptions>()
        context = createContext(io, options, process.env)
        if (options.quiet === true) io.beQuiet()
        if (!asksForJson(given)) await io.useColour(colourSetting(context))
        await work(context, ...given)
      },
    (message, hint) => fail(new UsageError(message, hint)),
  )
  // A pipe that closes early (`pamctl sessions | head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
  // A terminal that was closed takes no more notes: what the command still has to do goes on.
  process.stderr.on('error', () => {})
  try {
    await program.parseAsync([...args], { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2
    } else {
      const outcome = outcomeOf(error)
      process.exitCode = outcome.code
      if (outcome.error !== undefined) {
        fail(outcome.error)
        if (outcome.error.code === 'INTERNAL' && process.env['PAMCTL_DEBUG'] !== undefined)
          io.note(String((outcome.error.cause as Error | undefined)?.stack))
      }
    }
    // Once all that was printed has been taken: a pipe may be slow.
    if (error instanceof Exit && error.endsNow) process.stdout.write('', () => process.exit())
  } finally {
    context?.close()
  }
}

/** The last things that a verb is given are its options and itself. */
const asksForJson = (given: readonly unknown[]): boolean => {
  const command = given.at(-1)
  return command instanceof Command && command.opts<{ json?: boolean }>().json === true
}

/** Also where the command line is wrong: what stands behind `--` is another program's. */
function wantsJsonErrors(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  const own = end < 0 ? args : args.slice(0, end)
  const format =
    own.find((word) => word.startsWith('--format='))?.slice('--format='.length) ?? own[own.indexOf('--format') + 1]
  return (
    own.includes('--json') || (own.some((word) => word.startsWith('--format')) && /^(?:nd)?json$/.test(format ?? ''))
  )
}

const errorJson = (error: PamError): object => ({
  ...toErrorBody(error),
  ...(error instanceof StatementError ? { sqlstate: error.sqlstate } : {}),
})

/** What is wrong with the settings is said by the verbs that need them; `pamctl config path` still works. */
const colourSetting =
  ({ settings }: CliContext) =>
  (): Colour => {
    try {
      return settings().colour ?? 'auto'
    } catch {
      return 'auto'
    }
  }

function createProgram(run: Run, fail: Fail): Command {
  const program = new Command('pamctl')
    .version(VERSION)
    .description('just-in-time access to databases, servers, Kubernetes and HTTP services, approved and recorded')
    .addOption(
      new Option('--profile <name>', 'saved login to use (default: the one at --gateway, or "default")').env(
        'PAMCTL_PROFILE',
      ),
    )
    .addOption(new Option('--gateway <url>', 'URL of the gateway').env('PAMCTL_GATEWAY'))
    .addOption(new Option('--ca <file>', 'CA certificates to verify the gateway with').env('PAMCTL_CA'))
    .addOption(
      new Option('--token-file <file>', 'sign in a service with the token in this file').env('PAMCTL_TOKEN_FILE'),
    )
    .addOption(new Option('-q, --quiet', 'print results and errors only').env('PAMCTL_QUIET'))
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
  for (const add of VERBS) add(program, run)
  acceptGlobalsAnywhere(program)
  addHelp(program)
  sayUsageErrors(program, 'pamctl', fail, (command, message) =>
    message.startsWith('unknown option') && isNativeCommand(command) ? SEPARATOR[command] : undefined,
  )
  return program
}

const isNativeCommand = (name: string): boolean => SEPARATOR[name] !== undefined && !process.argv.includes('--')
const SEPARATOR: Readonly<Record<string, string>> = {
  'pamctl connect': 'put -- before the command that is run: pamctl connect TARGET -- psql -c "select 1"',
  'pamctl exec': 'put -- before the command that is run: pamctl exec TARGET -- df -h',
}

/** `pamctl login --gateway URL` reads as well as `pamctl --gateway URL login`: a verb hands these on to the program. */
function acceptGlobalsAnywhere(program: Command): void {
  const globals = program.options.filter(({ long }) => long !== '--version')
  const visit = (command: Command): void => {
    for (const option of globals) {
      const copy = new Option(option.flags, option.description).hideHelp()
      command.addOption(copy)
      command.on(`option:${option.name()}`, (value: unknown) =>
        program.setOptionValueWithSource(option.attributeName(), value, 'cli'),
      )
    }
    command.exitOverride()
    command.commands.forEach(visit)
  }
  program.commands.forEach(visit)
}

const VERBS: readonly AddCommand[] = [
  login,
  logout,
  whoami,
  targets,
  request,
  requests,
  withdraw,
  extend,
  grants,
  revoke,
  breakglass,
  reviews,
  approve,
  deny,
  passkeys,
  connect,
  query,
  exec,
  result,
  sshConfig,
  kubeconfig,
  tunnel,
  sessions,
  replay,
  tail,
  search,
  exportRecord,
  verify,
  audit,
  keep,
  eraseDetached,
  kill,
  lock,
  unlock,
  locks,
  policy,
  open,
  config,
  completion,
  doctor,
  agent,
]
