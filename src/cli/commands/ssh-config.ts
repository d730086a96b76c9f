import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { homeDirectory } from '../../shared/home-directory.ts'
import { replaceFile } from '../../shared/replace-file.ts'
import { jsonOption, type AddCommand } from '../command.ts'
import type { CliContext } from '../context.ts'
import { profileDirectory } from '../profile-directory.ts'
import { targetNamed } from '../target-named.ts'
import { hostBlocks, knownHostsIn, quoted, writeKnownHosts } from '../../protocols/ssh/client/ssh-config.ts'

/** `pamctl ssh-config`: plain `ssh TARGET` works, in every program that reads the configuration of OpenSSH. */
export const sshConfig: AddCommand = (program, run) => {
  program
    .command('ssh-config [targets...]')
    .description('print or install an OpenSSH configuration for your SSH targets')
    .option('--install', 'save it with your login, and include it from ~/.ssh/config')
    .addOption(jsonOption())
    .action(run(printConfig))
}

async function printConfig(
  { io, client, paths, profile, environment }: CliContext,
  names: readonly string[],
  options: { install?: boolean; json?: boolean },
): Promise<void> {
  const api = await client()
  const mine = (await api.targets()).filter(({ type }) => type === 'ssh')
  for (const name of names) targetNamed(mine, name, 'SSH target')
  const targets = names.length === 0 ? mine : mine.filter(({ name }) => names.includes(name))
  const { json } = options
  const listed = targets.map(({ name }) => name)
  if (targets.length === 0) return json === true ? io.json({ targets: [] }) : io.note('no SSH targets')
  const name = await profile()
  const directory = profileDirectory(paths().home, name)
  const knownHosts = knownHostsIn(directory)
  writeKnownHosts(knownHosts, mine)
  const text = hostBlocks({ targets, knownHosts, options: ['--profile', name, '--gateway', api.gateway] })
  if (options.install !== true) return json === true ? io.json({ targets: listed, text }) : io.print(text.trimEnd())
  const file = join(directory, 'ssh', 'config')
  replaceFile(file, text)
  const own = join(homeDirectory(environment), '.ssh', 'config')
  const before = existsSync(own) ? readFileSync(own, 'utf8') : ''
  const include = `Include ${quoted(file)}`
  // At the top: an Include after a Host line belongs to that host.
  if (!before.split('\n').includes(include)) {
    mkdirSync(dirname(own), { recursive: true, mode: 0o700 })
    replaceFile(own, `${include}\n${before}`)
  }
  if (json === true) return io.json({ targets: listed, file, includedIn: own })
  io.note(`ssh ${targets[0]?.name} now goes through pamctl (${file}, included in ${own})`)
}
