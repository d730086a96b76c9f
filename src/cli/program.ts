import { Command, Option } from 'commander'
import { addHelp } from '../shared/program-help.ts'
import { sayUsageErrors, type Fail } from '../shared/usage-errors.ts'
import { VERSION } from '../shared/version.ts'
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
import { env } from './commands/env.ts'
import { exec } from './commands/exec.ts'
import { exportRecord } from './commands/export.ts'
import { eraseDetached, keep } from './commands/keep.ts'
import { open } from './commands/open.ts'
import { batch } from './commands/batch.ts'
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
import { EXAMPLES } from './examples.ts'

/**
 * All of `pamctl`'s command line: what is parsed, and what help, completion and the reference are made from. `args`: those that it is going to
 * parse, for what an error of usage advises.
 */
export function createProgram(run: Run, fail: Fail, args: readonly string[] = []): Command {
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
    .option('--headers', 'print the headings of tables in a pipe, too')
    .exitOverride()
    .showSuggestionAfterError()
  for (const [group, verbs] of VERBS) {
    program.commandsGroup(`${group}:`)
    for (const add of verbs) add(program, run)
  }
  acceptGlobalsAnywhere(program)
  addHelp(program, EXAMPLES)
  sayUsageErrors(program, 'pamctl', fail, (command, message) =>
    message.startsWith('unknown option')
      ? args.includes('--')
        ? undefined
        : SEPARATOR[command]
      : message.includes(' arguments, not ')
        ? SURPLUS[command]
        : undefined,
  )
  return program
}

/** For verbs that run another program. */
const SEPARATOR: Readonly<Record<string, string>> = {
  'pamctl connect': 'put -- before the command that is run: pamctl connect TARGET -- psql -c "select 1"',
  'pamctl exec': 'put -- before the command that is run: pamctl exec TARGET -- df -h',
}

/** What a word is probably meant for where a verb takes none. */
const SURPLUS: Readonly<Record<string, string>> = {
  'pamctl login': 'to name the gateway, give --gateway URL, such as https://pam.example.com',
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

/** In the order in which help and documents show them. */
const VERBS: readonly (readonly [group: string, verbs: readonly AddCommand[]])[] = [
  ['Signing in', [login, logout, whoami]],
  ['Access', [targets, request, requests, withdraw, extend, grants, revoke, breakglass]],
  ['Deciding', [reviews, approve, deny, passkeys, lock, unlock, locks]],
  ['Connecting', [connect, query, batch, exec, result, env, sshConfig, kubeconfig, tunnel]],
  ['Looking back', [sessions, replay, tail, search, exportRecord, verify, audit, keep, eraseDetached, kill]],
  ['Rules and the dashboard', [policy, open]],
  ['This machine', [config, completion, doctor, agent]],
]
