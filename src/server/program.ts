import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { hashPassword } from '../evaluation-idp/people.ts'
import { letHeapGrow } from '../shared/heap-growth.ts'
import { UsageError } from '../shared/errors.ts'
import { addHelp } from '../shared/program-help.ts'
import { sayUsageErrors, type Fail } from '../shared/usage-errors.ts'
import { VERSION } from '../shared/version.ts'
import { EXAMPLES } from './examples.ts'
import type { InitOptions } from './init/init-config.ts'
import { TARGET_URLS } from './init/first-target.ts'

/** The command line of `pam-gateway`. What one command alone needs is loaded when it runs. */
export function createProgram(fail: Fail): Command {
  const program = new Command('pam-gateway')
    .version(VERSION)
    .description('the gateway that decides on, holds and records access to targets')
    .exitOverride()
    .showSuggestionAfterError()
  for (const [group, add] of GROUPS) add(program.commandsGroup(`${group}:`))
  addHelp(program, EXAMPLES)
  sayUsageErrors(program, 'pam-gateway', fail)
  return program
}

const withConfig = (command: Command): Command =>
  command.addOption(new Option('--config <file>', 'the configuration file').env('PAM_CONFIG').makeOptionMandatory())

function addSetup(program: Command): void {
  program
    .command('init')
    .description('write a first configuration file; asks for what no option gives')
    .option('--output <file>', 'the file to write; an existing one is not replaced', 'pam.yaml')
    .option('--public-url <url>', 'the URL that people will use')
    .option('--certificate <file>', 'the certificate of the gateway with its chain, PEM')
    .option('--key <file>', 'the private key of --certificate, PEM')
    .option('--behind-proxy', 'a reverse proxy on this machine ends TLS')
    .option(
      '--data-directory <path>',
      'where the gateway keeps state, keys and records; default: pam-data beside the file',
    )
    .option('--issuer <url>', 'the OpenID provider that people sign in at')
    .option(
      '--issuer-ca <file>',
      'the authority that signed the certificate of the provider, PEM; default: the public ones',
    )
    .option('--client-id <id>', 'the client registered there; default: pamctl')
    .option('--users <group>', 'may request access')
    .option('--approvers <group>', 'approve requests and held commands')
    .option('--auditors <group>', 'read records and the audit log')
    .option('--target <url>', `the first target: ${TARGET_URLS}`)
    .option('--name <name>', 'what people call the target')
    .option('--credential <reference>', 'env:NAME or file:PATH of its password, private key or token')
    .option('--known-hosts <file>', 'SSH: the host keys of the target; default: the first one seen is kept')
    .action(async (options: InitOptions) => {
      const { initConfig } = await import('./init/init-config.ts')
      const { terminalQuestions } = await import('./init/questions.ts')
      await initConfig(options, terminalQuestions(), (text) => void process.stdout.write(text))
    })
  program
    .command('schema')
    .description('print the JSON Schema of the configuration file')
    .action(async () => {
      const { configJsonSchema } = await import('./config/schema.ts')
      process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`)
    })
  program
    .command('hash-password')
    .description('hash a password read from standard input, for the evaluation provider')
    .action(async () => {
      const password = readFileSync(0, 'utf8').replace(/\r?\n$/, '')
      // Of an empty one there would be a hash as well, and an account without a password.
      if (password === '')
        throw new UsageError('there is no password on standard input', 'write it to standard input, on one line')
      process.stdout.write(`${await hashPassword(password)}\n`)
    })
}

function addRunning(program: Command): void {
  withConfig(program.command('start').description('run the gateway')).action(async ({ config }: { config: string }) => {
    letHeapGrow(HEAP_GROWTH_PERCENT)
    const { run } = await import('./run.ts')
    await run(config)
  })
  withConfig(program.command('check').description('check the configuration and run its tests'))
    .option(
      '--connect',
      'also connect to targets and issuers, and check certificates, the addresses to listen on, the store and the home of records',
    )
    .option('--json', 'print JSON')
    .action(async ({ config, connect, json }: { config: string; connect?: boolean; json?: boolean }) => {
      const { check } = await import('./check/check-config.ts')
      await check(config, { connect: connect === true, json: json === true })
    })
  withConfig(
    program
      .command('backup')
      .argument('<directory>', 'a new directory')
      .description('copy the data directory; the gateway may run'),
  ).action(async (directory: string, { config }: { config: string }) => {
    const { backup } = await import('./backup.ts')
    backup(config, directory)
    process.stdout.write(`${directory} holds keys and records: keep it as safe as the gateway itself\n`)
  })
  const recordings = program.command('recordings').description('manage recordings')
  withConfig(
    recordings.command('gc').description('delete recordings past their retention period (recording.retention)'),
  )
    .option('--dry-run', 'list what would be deleted; safe while the gateway runs')
    .action(async ({ config, dryRun }: { config: string; dryRun?: boolean }) => {
      const { collectRecordings } = await import('./maintenance.ts')
      await collectRecordings(config, dryRun === true)
    })
}

function addKeys(program: Command): void {
  withConfig(
    program.command('rotate-key').description('seal new records with a new key; the gateway must be stopped'),
  ).action(async ({ config }: { config: string }) => {
    const { rotateKey } = await import('./maintenance.ts')
    await rotateKey(config)
  })
  const secretCommands = () => import('./secret-commands.ts')
  const secrets = program
    .command('secret')
    .description('manage secrets that the gateway keeps encrypted (secrets.sealed)')
  withConfig(
    secrets.command('set').argument('<name>').description('keep a secret; asks for it, or reads standard input'),
  ).action(async (name: string, { config }: { config: string }) =>
    (await secretCommands()).setSealedSecret(config, name),
  )
  withConfig(secrets.command('list').description('list names, never secrets')).action(
    async ({ config }: { config: string }) => (await secretCommands()).listSealedSecrets(config),
  )
  withConfig(
    secrets.command('rotate').description('seal all secrets with the current master key, after it was replaced'),
  ).action(async ({ config }: { config: string }) => (await secretCommands()).rotateSealedSecrets(config))
  withConfig(secrets.command('rm').argument('<name>').description('remove a secret')).action(
    async (name: string, { config }: { config: string }) => (await secretCommands()).removeSealedSecret(config, name),
  )
  const authority = program.command('ssh-ca').description('the key that signs SSH certificates for sessions')
  authority
    .command('init <file>')
    .description('make a key, and print the line for TrustedUserCAKeys of the targets')
    .action(async (file: string) => (await import('./ssh-ca.ts')).initAuthority(file))
  authority
    .command('public <key>')
    .description('print the line for TrustedUserCAKeys; the key is a file, or a reference such as env:NAME')
    .option('--passphrase <reference>', 'env:NAME or file:PATH, where the key is encrypted')
    .action(async (key: string, { passphrase }: { passphrase?: string }) =>
      (await import('./ssh-ca.ts')).showAuthority(key, passphrase),
    )
}

/** In the order in which help and documents show them. */
const GROUPS: readonly (readonly [group: string, add: (program: Command) => void])[] = [
  ['Setting up', addSetup],
  ['Running', addRunning],
  ['Keys and secrets', addKeys],
]

/** Per cent: more than that gave nothing. */
const HEAP_GROWTH_PERCENT = 100
