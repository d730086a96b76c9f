import type { Client } from 'ssh2'
import type { Session } from '../../../gateway/engine.ts'
import type { SshTarget } from '../target.ts'
import type { LoginShell } from '../command/host-statement.ts'

/**
 * Which shell reads the command lines of this account: as configured, or as the target says. The gateway asks by a
 * command of its own, before the client may open a channel; an answer that is not exactly one of those expected, or
 * that does not come in time, means a shell that is not read.
 */
export async function loginShell(upstream: Client, session: Session<SshTarget>): Promise<LoginShell> {
  const { config, lease } = session
  const configured = config.logins.find(({ name }) => name === lease.user)?.shell
  if (configured !== undefined) return configured
  const shell = shellOf(await output(upstream, PROBE))
  session.recorder.outcome({
    type: 'notice',
    message:
      shell === 'other'
        ? `the login shell of ${lease.user} is not one that the gateway can read: command lines are unknown`
        : `the login shell of ${lease.user} is ${shell}`,
  })
  return shell
}

/**
 * In words that mean the same to every shell, or are an error in it. Bash says its version, also where it is called sh;
 * dash says nothing of itself, but the system says which program it is.
 */
export const PROBE =
  'echo "pamctl:${BASH_VERSION-}:${ZSH_VERSION-}${KSH_VERSION-}${YASH_VERSION-}${FISH_VERSION-}:${POSIXLY_CORRECT-}:$0:"; readlink /proc/$$/exe; echo "pamctl."'

export function shellOf(answer: string | undefined): LoginShell {
  const [, version, posix, called, program] =
    /^pamctl:([^:\n]*)::([^:\n]*):([^:\n]*):\n(?:(\/[^\n]*)\n)?pamctl\.\n$/.exec(answer ?? '') ?? []
  if (version === undefined || called === undefined) return 'other'
  const name = called.replace(/^-/, '').replace(/^.*\//, '')
  const file = program?.replace(/^.*\//, '')
  if (version === '') return posix === '' && file === 'dash' && (name === 'sh' || name === 'dash') ? 'sh' : 'other'
  // Without /proc, bash is known by what it says.
  if (!/^\d+\.\d+\.\d+\(\d+\)-release$/.test(version) || (file !== undefined && file !== 'bash')) return 'other'
  // Set by bash itself under the name sh; elsewhere it makes programs read their options in another way.
  if (name === 'sh' && posix === 'y') return 'sh'
  return name === 'bash' && posix === '' ? 'bash' : 'other'
}

/** What a command writes, if it ends in time and writes little. */
function output(upstream: Client, text: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let answer = ''
    const timer = setTimeout(() => resolve(undefined), MAX_ANSWER_MS)
    const finish = (found: string | undefined): void => {
      clearTimeout(timer)
      resolve(found)
    }
    try {
      upstream.exec(text, (error, channel) => {
        if (error !== undefined) return finish(undefined)
        channel.on('error', () => {})
        channel.on('close', () => finish(answer))
        channel.stderr.resume()
        channel.on('data', (bytes: Buffer) => {
          answer += bytes.toString('latin1')
          if (answer.length > MAX_ANSWER) channel.close()
        })
        channel.end()
      })
    } catch {
      // It is not connected any more.
      finish(undefined)
    }
  })
}

const MAX_ANSWER = 2000
const MAX_ANSWER_MS = 10_000
