import { randomBytes, randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { exportJWK, generateKeyPair } from 'jose'
import type Provider from 'oidc-provider'
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider'
import { htmlHeaders, listenOnLoopback, readForm } from './loopback-server.ts'
import { confirmCodePage, donePage, errorPage, loginPage, userCodePage } from './pages.ts'
import { passwordSignIn, type PasswordSignIn } from './password-sign-in.ts'
import { passwordMatches, type People } from './people.ts'

export interface EvaluationProvider {
  readonly issuer: string
  close(): Promise<void>
}

export const EVALUATION_CLIENT = 'pamctl'
/** Marks the tokens of services: people's access tokens for the same audience lack it. */
export const EVALUATION_SERVICE_CLAIM = 'pam_service'
export const EVALUATION_AUDIENCE = 'pam-gateway'
/** Of ID tokens, and of the access tokens of services. */
export const EVALUATION_ALGORITHM = 'ES256'

/**
 * A real OpenID provider on loopback for demonstration and evaluation: device and code flow with PKCE for people,
 * client credentials for services. Its keys and sessions live as long as the process.
 */
export async function startEvaluationProvider(
  people: () => People,
  port: number,
  /** Where the dashboard takes sign-ins; known once the gateway listens. */
  callback: () => string,
): Promise<EvaluationProvider> {
  const { server, origin: issuer, close } = await listenOnLoopback(port)
  const settings = await configuration(people)
  const provider = await quietly(async () => {
    const { default: OidcProvider } = await import('oidc-provider')
    return new OidcProvider(issuer, settings)
  })
  // Secrets of services are hashed in the file, as passwords are.
  const client = provider.Client.prototype as unknown as {
    compareClientSecret: (actual: string) => Promise<boolean>
    redirectUriAllowed: (uri: string) => boolean
  }
  client.compareClientSecret = function (this: { clientSecret?: string }, actual: string) {
    return passwordMatches(actual, this.clientSecret ?? '')
  }
  // Exactly the dashboard, which has an address only once the gateway listens.
  client.redirectUriAllowed = (uri) => uri === callback()
  provider.use(async (context, next) => {
    await next()
    // RFC 8628 section 3.2: how long clients wait between polls, in seconds. The default of 5 is long for a demo.
    if (context.path === '/device/auth' && context.status === 200) (context.body as { interval?: number }).interval = 1
  })
  const handle = provider.callback()
  const signIn = passwordSignIn(people)
  server.on('request', (request, response) => {
    if (request.url?.startsWith('/interaction/') !== true) return void handle(request, response)
    interaction(provider, signIn, request, response).catch((error: unknown) => {
      response.writeHead(400, htmlHeaders("'none'")).end(errorPage((error as Error).message))
    })
  })
  return { issuer, close }
}

/** The library prints which runtimes it supports, and that its store is for development: the gateway's log says both in its own way. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  // oxlint-disable no-console
  const { warn, info } = console
  console.warn = console.info = () => {}
  try {
    return await work()
  } finally {
    console.warn = warn
    console.info = info
  }
  // oxlint-enable no-console
}

/** The command line and the dashboard, which people sign in with, and the services. */
const clientsOf = ({ services }: People): NonNullable<Configuration['clients']> => [
  {
    client_id: EVALUATION_CLIENT,
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'authorization_code', 'refresh_token'],
    redirect_uris: ['http://127.0.0.1/callback'],
    response_types: ['code'],
    require_auth_time: true,
  },
  ...services.map(({ id, secret }) => ({
    client_id: id,
    client_secret: secret,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
  })),
]

async function configuration(people: () => People): Promise<Configuration> {
  // Made at each start: a key on a curve takes a hundredth of the time that one of RSA takes.
  const { privateKey } = await generateKeyPair(EVALUATION_ALGORITHM, { extractable: true })
  const show =
    (html: string) =>
    (context: KoaContextWithOIDC): void => {
      context.type = 'html'
      context.body = html
    }
  return {
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: EVALUATION_ALGORITHM, use: 'sig', kid: 'evaluation' }] },
    clientDefaults: { id_token_signed_response_alg: EVALUATION_ALGORITHM },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    clients: clientsOf(people()),
    scopes: ['openid', 'email', 'profile', 'groups', 'offline_access'],
    claims: {
      openid: ['sub', 'auth_time', 'jti'],
      email: ['email', 'email_verified'],
      profile: ['name'],
      groups: ['groups'],
    },
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    rotateRefreshToken: true,
    // Its clients of people are the command line and the dashboard, which always need to prove the identity again later.
    issueRefreshToken: async (_context, client) => client.grantTypeAllowed('refresh_token'),
    ttl: {
      AccessToken: 300,
      IdToken: 300,
      DeviceCode: 600,
      RefreshToken: 12 * 3600,
      Session: 12 * 3600,
      Grant: 12 * 3600,
      Interaction: 600,
      ClientCredentials: 3600,
    },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    features: {
      devInteractions: { enabled: false },
      revocation: { enabled: true },
      clientCredentials: { enabled: true },
      rpInitiatedLogout: { enabled: false },
      deviceFlow: {
        enabled: true,
        charset: 'base-20',
        mask: '****-****',
        userCodeInputSource: (context, form, _out, error) => {
          const message = error === undefined ? undefined : 'That code is not known, or it has expired.'
          show(userCodePage(form, message))(context)
        },
        userCodeConfirmSource: (context, form, _client, _info, code) => show(confirmCodePage(form, code))(context),
        successSource: (context) => show(donePage())(context),
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => EVALUATION_RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: '',
          audience: EVALUATION_AUDIENCE,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 3600,
        }),
      },
    },
    renderError: (context, _out, error) => show(errorPage(error.message))(context),
    extraTokenClaims: (_context, token) => {
      const service = people().services.find(({ id }) => id === token.clientId)
      return service && { groups: service.groups, email: service.id, [EVALUATION_SERVICE_CLAIM]: 'yes' }
    },
    // The one client is our own: nobody is asked to consent to it.
    loadExistingGrant: async (context) => {
      const { client, session, provider, params } = context.oidc
      const grant = new provider.Grant({ clientId: client?.clientId ?? '', accountId: session?.accountId ?? '' })
      grant.addOIDCScope(String(params?.['scope'] ?? 'openid'))
      await grant.save()
      return grant
    },
    findAccount: (_context, id) => {
      const person = people().people.find((candidate) => candidate.id === id && !candidate.disabled)
      if (person === undefined) return undefined
      const { email, name, groups } = person
      // Two sign-ins in one second have tokens of their own: their times are the same.
      const claims = () => ({ sub: id, jti: randomUUID(), email, email_verified: true, name, groups })
      return { accountId: id, claims }
    },
  }
}

/** The sign-in form: shown on GET, checked on POST. */
async function interaction(
  provider: Provider,
  signIn: PasswordSignIn,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { uid, prompt, params } = await provider.interactionDetails(request, response)
  // Asked of every native client; ours is the only one, and people came here by entering its code.
  if (prompt.name === 'consent') {
    return provider.interactionFinished(request, response, { consent: {} }, { mergeWithLastSubmission: true })
  }
  const show = (error?: string): void => {
    const headers = htmlHeaders(formActionFor(String(params['redirect_uri'] ?? '')))
    response.writeHead(error === undefined ? 200 : 401, headers).end(loginPage(`/interaction/${uid}`, error))
  }
  if (request.method !== 'POST') return show()
  const form = await readForm(request)
  const person = await signIn(form.get('email') ?? '', form.get('password') ?? '')
  if ('problem' in person) return show(person.problem)
  await provider.interactionFinished(
    request,
    response,
    { login: { accountId: person.id } },
    { mergeWithLastSubmission: false },
  )
}

/** The form leads, by redirects, to whoever asked for the sign-in: browsers count that as where it is sent. */
const formActionFor = (redirectUri: string): string =>
  URL.canParse(redirectUri) ? `'self' ${new URL(redirectUri).origin}` : "'self'"
const EVALUATION_RESOURCE = 'urn:pam-gateway'
