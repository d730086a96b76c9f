import { Option } from 'commander'
import type { Target } from '../../api/schemas/access.ts'
import { clientHalves } from '../../protocols/client.ts'
import { wordsOf } from '../../protocols/names.ts'
import { UsageError } from '../../shared/errors.ts'
import { visible } from '../../shared/visible.ts'
import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { Exit } from '../exit-codes.ts'
import { detach } from '../held/detach.ts'
import type { CommandJob, JobOutput } from '../held/job.ts'
import { addAccessOptions, ensureGrant, loginOptions, openPort, type AccessOptions } from '../open-target.ts'
import { knownType } from '../known-type.ts'
import { targetNamed } from '../target-named.ts'
import { CapturedOutput, runClient } from '../run-client.ts'

interface ExecOptions extends AccessOptions {
  readonly account?: string
  readonly pod?: string
  readonly namespace?: string
  readonly container?: string
  readonly detach?: boolean
  readonly json?: boolean
}

/** `pamctl exec TARGET -- CMD…`: one command on a server or in a container, without a terminal. */
export const exec: AddCommand = (program, run) => {
  const command = program
    .command('exec <target> <command...>')
    .description('run one command on an SSH target, or in a pod of a Kubernetes target')
    // -h is for the command that is run, whose options are easily written without the separator.
    .helpOption('--help', 'display help for command')
    .usage('[options] <target> -- <command...>')
    .addOption(new Option('--account <name>', 'account to log in as (SSH)'))
    .addOption(new Option('--pod <name>', 'pod to run it in, or deployment/NAME (Kubernetes)'))
    .addOption(new Option('-n, --namespace <name>', 'namespace of the pod (Kubernetes)'))
    .addOption(new Option('-c, --container <name>', 'container of the pod (Kubernetes)'))
    .option(
      '--detach',
      'if the command is held, print the id of its approval and exit; pamctl result fetches what it printed',
    )
  addAccessOptions(command, { port: false }).addOption(jsonOption()).action(run(runExec))
}

async function runExec(
  context: CliContext,
  name: string,
  words: readonly string[],
  options: ExecOptions,
): Promise<void> {
  const { io, environment } = context
  const api = await context.client()
  const targets = await api.targets()
  const target = targetNamed(targets, name)
  const { program, args } = clientFor(target, words, options)
  if (target.grant === 'request') await ensureGrant(context, api, targets, name, { ...options, forScripts: true })
  const half = clientHalves[knownType(target)]
  const login = await loginOptions(context, api.gateway)
  if (options.detach === true)
    return runAndDetach(context, { type: 'command', target: name, program, args }, login, options.json === true)
  const agent = half.listens ? await context.agent() : undefined
  const listener = agent === undefined ? undefined : await openPort(context, agent, target, {}, true)
  // What is held is said beside the client, whose protocol has no words for it.
  agent?.onEvent((event) => {
    if (event.target === name && event.kind !== 'told') io.note(`pamctl: ${visible(event.message)}`)
  })
  const captured = options.json === true ? new CapturedOutput() : undefined
  const prepared = half.prepare({ program, args, target, listener, login, environment })
  const { exitCode, wasInterrupted } = await untilDone(() => runClient(program, prepared, context, captured))
  if (captured !== undefined) printCaptured(io, exitCode, captured)
  if (wasInterrupted)
    io.note(
      visible(
        `interrupted: a command that was held is withdrawn and did not run; one that had begun may still run on ${name}`,
      ),
    )
  throw new Exit(exitCode)
}

/** Clients end with codes of their own when Ctrl-C ends them (ssh: 255), which a shell takes for a failure: here 130, as it expects. */
export async function untilDone(
  run: () => Promise<number>,
): Promise<{ readonly exitCode: number; readonly wasInterrupted: boolean }> {
  let wasInterrupted = false
  const onInterrupt = (): void => void (wasInterrupted = true)
  process.on('SIGINT', onInterrupt)
  try {
    const exitCode = await run()
    // A program that handles Ctrl-C itself, and is well, was not interrupted.
    return exitCode === 0 || !wasInterrupted
      ? { exitCode, wasInterrupted: false }
      : { exitCode: INTERRUPTED, wasInterrupted }
  } finally {
    process.removeListener('SIGINT', onInterrupt)
  }
}

/** 128 and the number of SIGINT. */
const INTERRUPTED = 130

/** A process of its own runs the client, without input; what it prints until the command is held is printed here. */
async function runAndDetach(
  context: CliContext,
  job: CommandJob,
  login: readonly string[],
  json: boolean,
): Promise<void> {
  const { io } = context
  const captured = json ? new CapturedOutput() : undefined
  const heard = ({ stream, bytes }: JobOutput): void => {
    if (captured === undefined) context.streams[stream].write(bytes)
    else captured.add(stream, Buffer.from(bytes))
  }
  const ended = await detach(context, { login, job, json, what: 'what it prints', heard })
  const exitCode = ended.type === 'exited' ? ended.exitCode : 0
  if (captured !== undefined) printCaptured(io, exitCode, captured)
  throw new Exit(exitCode)
}

const printCaptured = (io: CliContext['io'], exitCode: number, captured: CapturedOutput): void =>
  io.json({
    exitCode,
    stdout: captured.text('stdout'),
    stderr: captured.text('stderr'),
    truncated: captured.isTruncated,
  })

/** The native client that runs the words as they are. */
export function clientFor(
  { name, type }: Pick<Target, 'name' | 'type'>,
  words: readonly string[],
  { account, pod, namespace, container }: Pick<ExecOptions, 'account' | 'pod' | 'namespace' | 'container'>,
): { readonly program: string; readonly args: readonly string[] } {
  const kubernetes = { pod, namespace, container }
  switch (type) {
    case 'ssh': {
      const wrong = Object.entries(kubernetes).find(([, value]) => value !== undefined)?.[0]
      if (wrong !== undefined) throw new UsageError(`--${wrong} is for Kubernetes targets, and ${name} is a server`)
      const login = account === undefined ? [] : [`-oUser=${account}`]
      // No terminal, and no question that nobody answers. The server's shell reads the words: each is quoted.
      return { program: 'ssh', args: ['-T', '-oBatchMode=yes', ...login, name, commandLine(words)] }
    }
    case 'kubernetes': {
      if (account !== undefined) throw new UsageError(`--account is for servers, and ${name} is a cluster`)
      if (pod === undefined) throw new UsageError(`${name} is a cluster: no pod was given`, 'give --pod NAME')
      const where = [
        ...(namespace === undefined ? [] : [`--namespace=${namespace}`]),
        ...(container === undefined ? [] : [`--container=${container}`]),
      ]
      if (pod.startsWith('-')) throw new UsageError(`"${pod}" is not the name of a pod`)
      return { program: 'kubectl', args: ['exec', '--stdin', ...where, pod, '--', ...words] }
    }
    default: {
      const { article, label } = wordsOf(knownType({ name, type }))
      throw new UsageError(
        `${name} is ${article} ${label} target, and pamctl exec is for SSH and Kubernetes`,
        type === 'http' ? `pamctl connect ${name}` : `pamctl query ${name} 'select …'`,
      )
    }
  }
}

/**
 * The words as a POSIX shell reads them again (XCU 2.2.2). Where it looks for a command, it takes a word with an equals sign for an assignment, and
 * some for its own (XCU 2.4, and bash's); one that begins with a dash would be an option of ssh.
 */
function commandLine([first = '', ...more]: readonly string[]): string {
  const isShells = first.includes('=') || RESERVED.has(first)
  return [isShells ? quoted(first) : plainOrQuoted(first), ...more.map(plainOrQuoted)].join(' ')
}

const plainOrQuoted = (word: string): string => (/^[\w@%+=:,./][\w@%+=:,./-]*$/.test(word) ? word : quoted(word))
const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

const RESERVED: ReadonlySet<string> = new Set(
  'case coproc do done elif else end esac fi for foreach function if in namespace nocorrect repeat select then time until while'.split(
    ' ',
  ),
)
