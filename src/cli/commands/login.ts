import { hostname } from 'node:os'
import { answerReader } from '../../gateway-client/answer-reader.ts'
import { createApiClient } from '../../gateway-client/api-client.ts'
import { issuerFetch, issuersOf } from '../../gateway-client/sign-in-issuers.ts'
import { fetchWithCa } from '../../shared/fetch-with-ca.ts'
import type { DevicePrompt } from '../../gateway-client/login.ts'
import { PamError, UsageError } from '../../shared/errors.ts'
import { visible } from '../../shared/visible.ts'
import { chooseIssuer } from '../choose-issuer.ts'
import { jsonOption, type AddCommand } from '../command.ts'
import { Exit } from '../exit-codes.ts'
import { interruptible } from '../interruption.ts'
import { openBrowser } from '../open-browser.ts'
import { whileWaiting } from '../output/spinner.ts'
import { chosenLogin, gatewayToSignInTo, isService, type CliContext } from '../context.ts'

/** `pamctl login`: signs in with a device code. */
export const login: AddCommand = (program, run) => {
  program
    .command('login')
    .description('sign in with a device code')
    .option('--no-browser', 'do not open a browser')
    .option('--fresh', 'require a new sign-in even if the browser is signed in')
    .option('--issuer <name>', 'identity provider to sign in with: its name, or an e-mail address in its domain')
    .option(
      '--allow-shared-client',
      'sign in even if another gateway you know uses the same client id (gateways of one organisation)',
    )
    .addOption(jsonOption())
    .action(run(signIn))
}

interface LoginOptions {
  readonly browser: boolean
  readonly fresh?: boolean
  readonly issuer?: string
  readonly allowSharedClient?: boolean
  readonly json?: boolean
}

export async function signIn(
  context: CliContext,
  { browser, fresh = false, issuer: wanted, allowSharedClient: allowShared = false, json }: LoginOptions,
): Promise<void> {
  const { io } = context
  if (isService(context)) {
    throw new UsageError(
      'a service does not sign in as a person: PAMCTL_TOKEN or --token-file is set',
      'unset it to sign in; other commands use the token by themselves',
    )
  }
  const connection = await context.agent()
  const { profile, lastGateway } = await chosenLogin(context, true)
  const known = await connection.call('profile', { profile })
  const gateway = gatewayToSignInTo(context, known?.gateway)
  if (gateway === undefined)
    throw new UsageError(
      'no gateway is set',
      lastGateway === undefined
        ? 'give --gateway URL or set PAMCTL_GATEWAY'
        : `to sign in again where you last were: pamctl login --gateway ${lastGateway}`,
    )
  const ca = context.authority() ?? (known?.gateway === gateway ? known.ca : undefined)
  const fetcher = fetchWithCa(ca)
  const discovery = await createApiClient({ gateway, fetch: context.httpCall(ca), answers: answerReader() }).discover()
  if (discovery.gateway !== gateway) {
    throw new PamError('USAGE', `the gateway at ${gateway} calls itself ${discovery.gateway}`, {
      hint: `sign in with --gateway ${discovery.gateway}`,
    })
  }
  if (!discovery.api.includes('v1'))
    throw new PamError('VERSION_MISMATCH', `the gateway ${gateway} does not speak version 1 of the API`, {
      hint: 'update pamctl',
    })
  const before = known?.gateway === gateway ? known.issuer : undefined
  const chosen = await chooseIssuer(issuersOf(discovery), { wanted, before, io })
  const { issuer, clientId, isGateway } = chosen
  await connection.call('check-client', { gateway, issuer, clientId, allowShared })
  const attempt = crypto.randomUUID()
  const prove = async (method: string, url: string): Promise<string> =>
    (await connection.call('prove-sign-in', { attempt, profile, gateway, method, url })).dpop
  const { signInWithDevice } = await import('../../gateway-client/login.ts')
  const tokens = await interruptible(async (interruption) => {
    const { signal } = interruption
    try {
      return await whileWaiting(io, 'waiting for you to sign in', () =>
        signInWithDevice(chosen, {
          fetch: issuerFetch(chosen, fetcher, prove),
          fresh,
          deviceName: hostname(),
          signal,
          show: (prompt) => showPrompt(prompt, context, browser),
        }),
      )
    } catch (error) {
      if (!signal.aborted) throw error
      const stays = known === null ? 'nobody is signed in' : `the sign-in of before stays (${known.gateway})`
      io.note(visible(`interrupted: the code is no longer waited for; ${stays}`))
      throw new Exit(interruption.exitCode)
    }
  })
  const { label, groups, warning } = await connection.call('sign-in', {
    profile,
    gateway,
    issuer,
    clientId,
    identityToken: tokens.identityToken,
    allowShared,
    ...(isGateway ? { attempt } : {}),
    ...(ca === undefined ? {} : { ca }),
    ...(tokens.refreshToken === undefined ? {} : { refreshToken: tokens.refreshToken }),
  })
  if (warning !== undefined) io.tell(`pamctl: warning: ${warning}`)
  if (json === true) io.json({ gateway, profile, person: { label, groups } })
  else
    io.note(`${io.style.green('✓')} Signed in as ${visible(label)} (${groups.map(visible).join(', ') || 'no groups'})`)
  if (groups.length === 0)
    io.note(
      'hint: the identity provider sent no groups, and rules name groups: your administrator adds them to the ID token (docs/identity-providers.md)',
    )
}

function showPrompt({ url, completeUrl, code }: DevicePrompt, { io, environment }: CliContext, browser: boolean): void {
  io.tell(`Open ${visible(url)} and enter  ${io.style.bold(visible(code))}`)
  if (browser && io.interactive) openBrowser(completeUrl ?? url, environment)
}
