import { asPamError } from '../../shared/errors.ts'
import type { FirstAnswers } from './first-config.ts'

/** What `pam-gateway init` asks of whoever sits at the terminal. */
export interface Questions {
  /**
   * `option` names the option that answers it as well; an empty `suggestion` suggests nothing. `check` throws a PamError for an answer
   * that cannot be used: then the question is asked again.
   */
  readonly ask: (
    option: string,
    what: string,
    suggestion: string,
    check?: (answer: string) => unknown,
  ) => Promise<string>
  /** A secret, not shown while it is typed; '' where nothing was. */
  readonly secret: (what: string) => Promise<string>
  /** Who ends TLS, and with which files. */
  readonly tls: () => Promise<FirstAnswers['tls']>
}

/** Questions on the terminal, or undefined where there is none. */
export function terminalQuestions(): Questions | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined
  const ask = async (
    what: string,
    suggestion: string,
    check: (answer: string) => unknown = () => {},
  ): Promise<string> => {
    const { input } = await import('@inquirer/prompts')
    return input({
      message: `${what}:`,
      ...(suggestion === '' ? {} : { default: suggestion }),
      validate: (text) => (text.trim() === '' ? 'an answer is needed' : problemOf(() => check(text.trim()))),
    })
  }
  return {
    ask: async (_option, what, suggestion, check) => (await ask(what, suggestion, check)).trim(),
    secret: async (what) => {
      const { password } = await import('@inquirer/prompts')
      return password({ message: `${what}:` })
    },
    tls: async () => {
      const { select } = await import('@inquirer/prompts')
      const who = await select({
        message: 'TLS is ended by:',
        choices: [
          { value: 'gateway', name: 'the gateway, with a certificate of its own' },
          { value: 'proxy', name: 'a reverse proxy on this machine' },
        ],
      })
      if (who === 'proxy') return undefined
      return {
        certificate: await ask('the certificate with its chain, a PEM file', 'tls/gateway.crt'),
        key: await ask('its key, a PEM file', 'tls/gateway.key'),
      }
    },
  }
}

/** What is wrong with an answer, on one line; true where nothing is. */
function problemOf(check: () => unknown): true | string {
  try {
    check()
    return true
  } catch (error) {
    const { message, hint } = asPamError(error)
    return hint === undefined ? message : `${message}; ${hint}`
  }
}
