import { PamError } from '../../../shared/errors.ts'
import { hostStatement } from '../../../host/command/host-statement.ts'
import { throughLinks } from '../transfer/sftp-paths.ts'
import type { HostCommand } from './command-draft.ts'
import type { HostConnection } from './host-connection.ts'
import { printable } from './printable.ts'

/** A command with the bytes that the target gets; a shell has none. */
export interface ShellCommand extends HostCommand {
  readonly bytes?: Buffer
}

/** What the client set before it started a command: part of what an approval is bound to. */
export interface ChannelSettings {
  readonly environment: Readonly<Record<string, string>>
  readonly hasTerminal: boolean
}

/** What an `exec` request asks for (RFC 4254, section 6.5). */
export async function execCommand(
  bytes: Buffer,
  { session, paths, commands }: Pick<HostConnection, 'session' | 'paths' | 'commands'>,
  settings: ChannelSettings,
): Promise<ShellCommand> {
  const { user } = session.lease
  const context = contextOf(settings)
  const refusal = unusable(bytes)
  if (refusal !== undefined) {
    const text = `${printable(bytes.subarray(0, SHOWN_OF_REFUSED))}…`
    const statement = hostStatement(user, { kinds: ['exec'], unknown: [refusal.message] })
    return { text, facts: { type: 'exec', statements: [statement] }, context, refusal, bytes }
  }
  const text = bytes.toString('utf8')
  if (!Buffer.from(text).equals(bytes)) {
    const statement = hostStatement(user, { kinds: ['exec'], unknown: ['it contains bytes that are not UTF-8'] })
    return {
      text: printable(bytes),
      facts: { type: 'exec', statements: [statement] },
      context: { ...context, bytes: bytes.toString('base64') },
      notes: ['bytes that are not UTF-8 are shown as \\x and two digits'],
      bytes,
    }
  }
  const home = await paths.home()
  const shell = (await commands.shell()) ?? 'unanswered'
  const facts = await commands.reader.read(text, { login: user, home, shell, resolvesPaths: true })
  return { text, facts: await throughLinks(facts, paths), context, bytes }
}

/** What a `shell` request asks for. */
export const interactiveShell = (user: string, settings: ChannelSettings): ShellCommand => ({
  text: `interactive shell as ${user}`,
  facts: { type: 'shell', statements: [hostStatement(user, { kinds: ['shell'], named: true })] },
  context: contextOf(settings),
  notes: ['what is typed into it is recorded, but no rule evaluates it'],
})

/** Whether a command does nothing but transfer files: what passes is then neither masked nor kept. */
export const isTransfer = ({ text, facts }: HostCommand): boolean =>
  facts.statements.every(({ kinds }) => kinds[0]?.startsWith('file-') === true) &&
  /^(\S*\/)?(scp|rsync|git-)/.test(text)

const contextOf = ({ environment, hasTerminal }: ChannelSettings): Record<string, string> => ({
  environment: JSON.stringify(Object.entries(environment).toSorted(([one], [other]) => (one < other ? -1 : 1))),
  terminal: hasTerminal ? 'yes' : 'no',
})

/** Why no target could run it, whatever the rules say. */
function unusable(command: Buffer): PamError | undefined {
  if (command.length > MAX_COMMAND_BYTES)
    return new PamError(
      'MESSAGE_TOO_LARGE',
      `a command of ${command.length} bytes is too long: at most ${MAX_COMMAND_BYTES} bytes are supported`,
      { hint: 'send a script on standard input instead: ssh host sh < script' },
    )
  if (command.includes(0)) return new PamError('COMMAND_REFUSED', 'a command cannot contain a NUL byte')
  return undefined
}

/** Bytes: what Linux takes as one argument of a program (MAX_ARG_STRLEN), less the zero at its end. */
const MAX_COMMAND_BYTES = 131_071
/** Bytes of a command that is refused unread, for the record. */
const SHOWN_OF_REFUSED = 1000
