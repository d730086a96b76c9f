import type { Paths } from '../../agent/paths.ts'
import type { CliContext } from '../context.ts'
import { check, CHECK_TIMEOUT_MS, failed, failure, warning, type Check, type Finding } from './check.ts'
import { findClients } from './client-programs.ts'
import {
  askGateway,
  checkCertificate,
  checkClock,
  checkHealth,
  checkVersions,
  type GatewayAnswer,
} from './gateway-checks.ts'
import { agentStatus, checkAgent, checkDirectory, checkPorts, checkSecretStore } from './local-checks.ts'
import { checkSignIn, findLogin, type FoundLogin } from './login-check.ts'

/** All checks, side by side; what the gateway is asked waits for who is signed in, since that says which gateway it is. */
export async function examine(context: CliContext): Promise<readonly Check[]> {
  const { environment } = context
  const withPaths = async <T>(look: (paths: Paths) => Promise<T>): Promise<T> => look(context.paths())
  // Later than the check itself, which says that nothing was answered.
  const silence = AbortSignal.timeout(2 * CHECK_TIMEOUT_MS)
  const status = withPaths((paths) => agentStatus(paths, silence))
  const statusIfAny = status.catch(() => undefined)
  const login = findLogin(context, status)
  const [ofGateway, ...others] = await Promise.all([
    login.then((found) => gatewayChecks(found, context)),
    login.then((found) => check('sign-in', () => checkSignIn(context, found))),
    check('secret store', (signal) => withPaths(({ secrets }) => checkSecretStore({ environment, secrets }, signal))),
    check('agent', () => withPaths((paths) => checkAgent(paths, status))),
    check('ports', () => checkPorts(statusIfAny)),
    check('directory', () => checkDirectory(context.paths)),
    // Those that say nothing in time are listed without a version.
    check('clients', () => findClients(environment, AbortSignal.timeout(CHECK_TIMEOUT_MS - 500))),
  ])
  return [...ofGateway, ...others]
}

/** Two calls, on which four checks rest. */
async function gatewayChecks(
  { gateway, ca, problem, lastGateway }: FoundLogin,
  { now }: CliContext,
): Promise<readonly Check[]> {
  // Before the checks that rest on it give up: they were not made.
  const signal = AbortSignal.timeout(CHECK_TIMEOUT_MS - 100)
  const ask = (path: string): Promise<GatewayAnswer> | undefined =>
    gateway === undefined ? undefined : askGateway(gateway, path, { ca, signal })
  const [health, discovery] = [ask('/healthz'), ask('/.well-known/pam-gateway')]
  const about =
    (call: Promise<GatewayAnswer> | undefined, look: (answer: GatewayAnswer) => Finding) =>
    async (): Promise<Finding> => {
      const answer = await call?.catch(() => undefined)
      return answer === undefined ? warning('not checked, since the gateway was not reached') : look(answer)
    }
  return Promise.all([
    check('gateway', async () => {
      if (gateway === undefined || health === undefined)
        return problem === undefined ? noGateway(lastGateway) : failure(problem)
      return checkHealth(gateway, await health)
    }),
    check(
      'certificate',
      about(health, (answer) => checkCertificate(gateway ?? '', answer, now())),
    ),
    check('versions', about(discovery, checkVersions)),
    check('clock', about(health, checkClock)),
  ])
}

const noGateway = (last = 'URL'): Finding =>
  failed('no gateway is set', `give --gateway ${last}, set PAMCTL_GATEWAY, or sign in: pamctl login --gateway ${last}`)
