import type { Client } from 'ssh2'
import type { Session } from '../../../gateway/engine.ts'
import { asPamError } from '../../../shared/errors.ts'
import { withTimeout } from '../../../shared/with-timeout.ts'
import type { SshTarget } from '../target.ts'
import type { LoginShell } from '../../../host/command/host-statement.ts'
import { roundTrip } from './ssh2-internals.ts'

/** Which shell reads the command lines of this account; `undefined` where the target has not said so in time. */
export type FindLoginShell = () => Promise<LoginShell | undefined>

/**
 * As configured, or as the target says. The gateway asks by a command of its own, for the first time before the client may open a
 * channel; an answer that is not exactly one of those expected means a shell that is not read. Where no answer comes, for want of
 * time or of a channel, the next command asks again: a target that is busy for a moment does not decide over a whole session.
 */
export function findLoginShell(upstream: Client, session: Session<SshTarget>): FindLoginShell {
  const { config, lease, recorder, ended } = session
  let known = config.logins.find(({ name }) => name === lease.user)?.shell
  let asking: Promise<true> | undefined
  const ask = async (): Promise<true> => {
    const answer = await output(upstream, PROBE)
    asking = undefined
    if (answer === undefined || ended.aborted) return true
    known = shellOf(answer)
    try {
      recorder.outcome({
        type: 'notice',
        message:
          known === 'other'
            ? `the login shell of ${lease.user} is not one that the gateway can read: command lines are unknown`
            : `the login shell of ${lease.user} is ${known}`,
      })
    } catch (error) {
      session.end(asPamError(error)) // the record has failed
    }
    // sshd counts a channel that was closed among its MaxSessions until it has dealt with everything that it read with the end.
    return roundTrip(upstream)
  }
  return async () => {
    if (known !== undefined) return known
    // One that is late is still waited for: its answer serves the next command.
    asking ??= ask()
    await withTimeout(asking, MAX_ANSWER_MS)
    return known
  }
}

/**
 * In words that mean the same to every shell, or are an error in it. Bash says its version, also where it is called sh;
 * dash says nothing of itself, but the system says which program it is.
 */
export const PROBE =
  'echo "pamctl:${BASH_VERSION-}:${ZSH_VERSION-}${KSH_VERSION-}${YASH_VERSION-}${FISH_VERSION-}:${POSIXLY_CORRECT-}:$0:"; readlink /proc/$$/exe; echo "pamctl."'

export function shellOf(answer: string): LoginShell {
  const [, version, posix, called, program] =
    /^pamctl:([^:\n]*)::([^:\n]*):([^:\n]*):\n(?:(\/[^\n]*)\n)?pamctl\.\n$/.exec(answer) ?? []
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

/** What a command writes, where it ends by itself; of what writes much, nothing. `undefined`: there is no answer. */
function output(upstream: Client, text: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    let answer = ''
    let hasExited = false
    let close = (): void => {}
    const finish = (found: string | undefined): void => {
      clearTimeout(timer)
      resolve(found)
      close()
    }
    const timer = setTimeout(() => finish(undefined), MAX_MS)
    try {
      upstream.exec(text, (error, channel) => {
        if (error !== undefined) return finish(undefined)
        close = () => channel.close()
        channel.on('error', () => {})
        channel.on('exit', (code: number | null) => (hasExited = code !== null))
        channel.on('close', () => finish(hasExited ? answer : undefined))
        channel.stderr.resume()
        channel.on('data', (bytes: Buffer) => {
          answer += bytes.toString('latin1')
          if (answer.length > MAX_ANSWER) finish('')
        })
        channel.end()
      })
    } catch {
      // It is no longer connected.
      finish(undefined)
    }
  })
}

const MAX_ANSWER = 2000
/** How long a command waits for the answer, and how long one may come late. */
const MAX_ANSWER_MS = 10_000
const MAX_MS = 60_000
