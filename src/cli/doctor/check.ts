import { localError } from '../../shared/errors.ts'
import { visible } from '../../shared/visible.ts'

/** What one look at the installation found. A `warning` keeps nobody from working. */
export interface Check {
  readonly name: string
  readonly state: 'ok' | 'warning' | 'failed'
  readonly message: string
  /** What to do about it. */
  readonly remedy?: string
}

/** What a look found, without its name. */
export type Finding = Omit<Check, 'name'>

export const ok = (message: string): Finding => ({ state: 'ok', message })
export const warning = (message: string, remedy?: string): Finding => ({
  state: 'warning',
  message,
  ...(remedy === undefined ? {} : { remedy }),
})
export const failed = (message: string, remedy?: string): Finding => ({
  state: 'failed',
  message,
  ...(remedy === undefined ? {} : { remedy }),
})

/** An error of ours as a finding: what it says, and its hint. */
export function failure(error: unknown): Finding {
  const { message, hint } = localError(error, 'pamctl')
  return failed(message, hint)
}

/** Looks, for so many milliseconds at most; what is thrown is what was found. Nothing of it can move a terminal's cursor. */
export async function check(
  name: string,
  look: (signal: AbortSignal) => Promise<Finding> | Finding,
  limitMs = CHECK_TIMEOUT_MS,
): Promise<Check> {
  const late = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const timeUp = new Promise<Finding>((resolve) => {
    timer = setTimeout(() => {
      resolve(failed(`no answer within ${limitMs / 1000} s`, REMEDY_OF_SILENCE[name]))
      late.abort()
    }, limitMs)
  })
  const found = await Promise.race([(async () => look(late.signal))().catch(failure), timeUp])
  clearTimeout(timer)
  const { state, message, remedy } = found
  return { name, state, message: shown(message), ...(remedy === undefined ? {} : { remedy: shown(remedy) }) }
}

/** One line; a URL that was given with a password is shown without it. */
const shown = (text: string): string => visible(text.replaceAll(/\s+/g, ' ')).replaceAll(/:\/\/[^/"]*@/g, '://…@')

const REMEDY_OF_SILENCE: Readonly<Record<string, string>> = {
  gateway: 'check the network, a VPN or a firewall on the way to the gateway',
  'sign-in': 'check the connection to the gateway; agent.log says what the agent waits for',
  'secret store': 'unlock the keychain, or set PAMCTL_SECRET_STORE=file',
  agent: 'end the process that agent.log names last; the next command starts a new one',
}

/** Milliseconds that one check may take. */
export const CHECK_TIMEOUT_MS = 3000
