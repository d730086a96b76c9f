import { readFileSync } from 'node:fs'
import type { AgentStatus, ProfileInfo } from '../../agent/control-messages.ts'
import { KnownClients } from '../../agent/known-clients.ts'
import { PamError } from '../../shared/errors.ts'
import { gatewayToSignInTo, isService, type CliContext } from '../context.ts'
import { CHECK_TIMEOUT_MS, failed, failure, ok, warning, type Finding } from './check.ts'

/** Which gateway is meant, how it is verified, and who is signed in there. */
export interface FoundLogin {
  readonly gateway: string | undefined
  readonly ca: string | undefined
  readonly info: ProfileInfo | null
  /** Where no gateway is named: the one of the latest sign-in, which has ended. */
  readonly lastGateway?: string | undefined
  /** Why nobody could be asked. */
  readonly problem?: unknown
}

/**
 * Asks the agent, which starts where somebody has signed in here before; in the time of one check. `status`: what an agent that runs says; one
 * that says nothing is asked nothing more.
 */
export async function findLogin(context: CliContext, status: Promise<AgentStatus | undefined>): Promise<FoundLogin> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const silence = new PamError('INTERNAL', 'the agent does not answer', {
      hint: 'end the process that agent.log names last; the next command starts a new one',
    })
    timer = setTimeout(() => reject(silence), CHECK_TIMEOUT_MS)
  })
  try {
    const found = await Promise.race([askAgent(context, status), late])
    return found.gateway === undefined ? { ...found, lastGateway: lastGateway(context) } : found
  } catch (problem) {
    try {
      return { gateway: gatewayToSignInTo(context), ca: context.authority(), info: null, problem }
    } catch (error) {
      return { gateway: undefined, ca: undefined, info: null, problem: error }
    }
  } finally {
    clearTimeout(timer)
  }
}

async function askAgent(context: CliContext, status: Promise<AgentStatus | undefined>): Promise<FoundLogin> {
  const ca = context.authority()
  if (isService(context)) return { gateway: gatewayToSignInTo(context), ca, info: null }
  if ((await status) === undefined && !hasLogins(context.paths().profiles))
    return { gateway: gatewayToSignInTo(context), ca, info: null }
  const agent = await context.agent()
  const info = await agent.call('profile', { profile: await context.profile() })
  return { gateway: gatewayToSignInTo(context, info?.gateway), ca: ca ?? info?.ca, info }
}

/** Read without the agent, which need not be started to say it. */
const lastGateway = (context: CliContext): string | undefined =>
  isService(context) ? undefined : new KnownClients(context.paths().knownClients).last()

function hasLogins(index: string): boolean {
  try {
    return Object.keys(JSON.parse(readFileSync(index, 'utf8')) as object).length > 0
  } catch {
    return false
  }
}

/** Who is signed in, since when, until when, and whether that is renewed. */
export async function checkSignIn(context: CliContext, login: FoundLogin): Promise<Finding> {
  if (login.problem !== undefined) return failure(login.problem)
  const isOfService = isService(context)
  if (login.info === null && !isOfService)
    return failed(
      'you are not signed in',
      `sign in: pamctl login --gateway ${login.gateway ?? login.lastGateway ?? 'URL'}`,
    )
  const { person, provenUntil, signedInAt } = await (await context.client()).whoami()
  const who = [
    `${person.label}${isOfService ? ' (service)' : ''}`,
    ...(signedInAt === undefined ? [] : [`signed in ${context.io.age(signedInAt)}`]),
    `verified until ${context.io.clock(provenUntil)}`,
  ].join(', ')
  if (isOfService || login.info?.isRenewable === true) return ok(`${who}, renewed by the agent while in use`)
  return warning(
    `${who}, and cannot be renewed: the identity provider gave no refresh token`,
    'sign in again before then: pamctl login',
  )
}
