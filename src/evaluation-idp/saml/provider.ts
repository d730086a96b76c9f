import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { XmlError } from '../../identity/saml/xml.ts'
import { htmlHeaders, listenOnLoopback, readForm } from '../loopback-server.ts'
import { donePage, errorPage, loginPage, postPage, POST_SCRIPT, signOutPage } from '../pages.ts'
import { passwordSignIn, type PasswordSignIn, type Person } from '../password-sign-in.ts'
import type { People } from '../people.ts'
import { readAuthnRequest, type AuthnRequest, type ServiceProvider } from './authn-request.ts'
import { makeSigningKey, type SigningKey } from './certificate.ts'
import { assertionXml, base64, logoutRequestXml, metadataXml, PERSISTENT, responseXml } from './messages.ts'
import { Sessions, type Session } from './sessions.ts'
import { signXml } from './sign-xml.ts'

export interface SamlEvaluationProvider {
  readonly entityId: string
  /** XML. */
  readonly metadata: string
  /** Where people sign out of it, and of the service with it. */
  readonly signOutUrl: string
  close(this: void): Promise<void>
}

/** All that its pages need. */
interface Idp {
  readonly origin: string
  readonly entityId: string
  readonly signOn: string
  readonly metadata: string
  readonly service: ServiceProvider
  readonly key: SigningKey
  readonly people: () => People
  readonly signIn: PasswordSignIn
  readonly sessions: Sessions
}

/**
 * A SAML 2.0 identity provider on loopback for demonstration and evaluation, with one service: AuthnRequests by HTTP-Redirect, signed responses with
 * signed assertions by HTTP-POST, and logout, which begins here. No configuration of the gateway starts it. Its key and sessions live as long
 * as the process.
 */
export async function startSamlEvaluationProvider(
  people: () => People,
  port: number,
  service: ServiceProvider,
): Promise<SamlEvaluationProvider> {
  const key = await makeSigningKey('pamctl evaluation', Date.now())
  const { server, origin, close } = await listenOnLoopback(port)
  const [entityId, signOn] = [`${origin}/saml/metadata`, `${origin}/saml/sso`]
  const idp: Idp = {
    origin,
    entityId,
    signOn,
    metadata: metadataXml({ entityId, certificates: [key.certificate], signOn, logout: `${origin}/saml/slo` }),
    service,
    key,
    people,
    signIn: passwordSignIn(people),
    sessions: new Sessions(),
  }
  server.on('request', (request, response) => {
    serve(idp, request, response).catch((error: unknown) => {
      // What is wrong with a request quotes nothing of it; anything else is for whoever started the demonstration to find.
      const message = error instanceof XmlError ? `The request of the service ${error.message}.` : String(error)
      show(response, 400, errorPage(message), "'none'")
    })
  })
  return { entityId, metadata: idp.metadata, signOutUrl: `${origin}/saml/sign-out`, close }
}

async function serve(idp: Idp, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', idp.origin)
  const { method, headers } = request
  if (method === 'POST' && (headers.origin ?? idp.origin) !== idp.origin)
    return show(response, 403, errorPage('This form comes from another site.'), "'none'")
  switch (`${method} ${pathname}`) {
    case 'GET /saml/metadata':
      return void response.writeHead(200, { 'content-type': 'application/samlmetadata+xml' }).end(idp.metadata)
    case 'GET /saml/sso':
      return begin(idp, messageOf(searchParams), headers.cookie, response)
    case 'POST /saml/sso':
      return enter(idp, request, response)
    case 'GET /saml/sign-out':
      return show(response, 200, signOutPage('/saml/sign-out'), "'self'")
    case 'POST /saml/sign-out':
      return signOut(idp, headers.cookie, response)
    case 'GET /saml/slo':
      // The service's answer to a logout request: the session has ended, whatever it says.
      if (!searchParams.has('SAMLResponse')) throw new XmlError('asks for a logout, which begins here alone')
      return show(response, 200, donePage('Signed out', 'You are signed out of the service as well.'), "'none'")
    default:
      return show(response, 404, errorPage('There is no such page.'), "'none'")
  }
}

interface Message {
  readonly samlRequest: string
  readonly relayState: string
}

/** SAML Bindings, section 3.4.4.1. One that is signed is refused: its signature would not be verified. */
function messageOf(parameters: URLSearchParams): Message {
  const names = [...parameters.keys()]
  const [samlRequest, relayState = ''] = [parameters.get('SAMLRequest'), parameters.get('RelayState') ?? undefined]
  if (names.some((name) => name === 'Signature' || name === 'SigAlg'))
    throw new XmlError('is signed, and the evaluation provider knows no key of it')
  if (samlRequest === null || names.length !== new Set(names).size)
    throw new XmlError('is not there, or is there twice')
  if (names.some((name) => name !== 'SAMLRequest' && name !== 'RelayState'))
    throw new XmlError('has parameters that are not supported')
  if (Buffer.byteLength(relayState) > 80) throw new XmlError('has a RelayState of more than 80 bytes')
  return { samlRequest, relayState }
}

const readRequest = ({ service, signOn }: Idp, { samlRequest }: Message): AuthnRequest =>
  readAuthnRequest(samlRequest, { service, signOn, now: Date.now() })

/** Answers at once whoever is signed in here, unless they are to enter their password again. */
function begin(idp: Idp, message: Message, cookie: string | undefined, response: ServerResponse): void {
  const request = readRequest(idp, message)
  const session = idp.sessions.find(cookie, Date.now())
  const person = idp.people().people.find(({ id, disabled }) => id === session?.personId && !disabled)
  if (session === undefined || person === undefined || request.forceAuthn) return ask(response, message)
  answer(idp, { request, relayState: message.relayState, person, session }, response)
}

function ask(response: ServerResponse, { samlRequest, relayState }: Message, problem?: string): void {
  const page = loginPage('/saml/sso', problem, { SAMLRequest: samlRequest, RelayState: relayState })
  show(response, problem === undefined ? 200 : 401, page, "'self'")
}

/** The sign-in form, which has brought the request along: it is held against the configuration again. */
async function enter(idp: Idp, httpRequest: IncomingMessage, response: ServerResponse): Promise<void> {
  const form = await readForm(httpRequest, MAX_FORM_LENGTH)
  const [email, password] = [form.get('email') ?? '', form.get('password') ?? '']
  form.delete('email')
  form.delete('password')
  const message = messageOf(form)
  const request = readRequest(idp, message)
  const person = await idp.signIn(email, password)
  if ('problem' in person) return ask(response, message, person.problem)
  const { session, cookie } = idp.sessions.begin(person.id, Date.now())
  response.setHeader('set-cookie', cookie)
  answer(idp, { request, relayState: message.relayState, person, session }, response)
}

interface Answer {
  readonly request: AuthnRequest
  readonly relayState: string
  readonly person: Person
  readonly session: Session
}

function answer(idp: Idp, { request, relayState, person, session }: Answer, response: ServerResponse): void {
  const { service, entityId, key } = idp
  const parts = {
    issuer: entityId,
    destination: service.assertionConsumerUrl,
    recipient: service.assertionConsumerUrl,
    audience: service.entityId,
    inResponseTo: request.id,
    now: Date.now(),
    nameId: person.id,
    nameIdFormat: PERSISTENT,
    attributes: { groups: person.groups, email: [person.email], name: [person.name] },
    responseId: newId(),
    assertionId: newId(),
    authnInstant: session.authnInstant,
    sessionIndex: session.index,
    sessionNotOnOrAfter: session.endsAt,
  }
  const assertion = signXml(assertionXml(parts), parts.assertionId, key)
  const xml = signXml(responseXml(parts, assertion), parts.responseId, key)
  const fields = { SAMLResponse: base64(xml), RelayState: relayState }
  post(response, 'Signing in', service.assertionConsumerUrl, fields)
}

/** Ends the session here, and tells the service (SAML Profiles, section 4.4). */
function signOut({ service, entityId, key, sessions }: Idp, sent: string | undefined, response: ServerResponse): void {
  const session = sessions.end(sent, Date.now())
  if (session === undefined) return show(response, 200, donePage('Signed out', 'You were not signed in.'), "'none'")
  const id = newId()
  const xml = logoutRequestXml({
    id,
    issuer: entityId,
    destination: service.logoutUrl,
    now: Date.now(),
    nameId: session.personId,
    sessionIndex: session.index,
  })
  post(response, 'Signing out', service.logoutUrl, { SAMLRequest: base64(signXml(xml, id, key)) })
}

/** HTTP-POST (SAML Bindings, section 3.5.4): a form that the page sends by itself. */
function post(response: ServerResponse, title: string, url: string, fields: Readonly<Record<string, string>>): void {
  show(response, 200, postPage(title, url, fields), new URL(url).origin, POST_SCRIPT)
}

function show(response: ServerResponse, status: number, html: string, formAction: string, script?: string): void {
  response.writeHead(status, htmlHeaders(formAction, script)).end(html)
}

/** An NCName (SAML Core, section 1.3.4). */
const newId = (): string => `_${randomBytes(20).toString('hex')}`
/** A request as long as one may be, each character of which may be three in a form, and what the person enters. */
const MAX_FORM_LENGTH = 30_000
