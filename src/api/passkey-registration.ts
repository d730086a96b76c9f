import { createHash, randomBytes } from 'node:crypto'
import type { Login } from '../identity/login.ts'
import { refuse } from '../identity/passkeys/client-data.ts'
import type { Passkey } from '../identity/passkeys/passkey.ts'
import { registrationOptions, verifyRegistration, type RegistrationAnswer } from '../identity/passkeys/registration.ts'
import { PamError } from '../shared/errors.ts'
import { newId } from '../shared/id.ts'
import { addPasskey, passkeyOfCredential, passkeysOf, removePasskeys } from '../storage/passkeys.ts'
import type { Reader } from '../storage/page.ts'
import type { ApiDeps } from './deps.ts'
import type { CreationOptions } from './schemas/passkey.ts'
import { newChallenge, partyOf, usedChallenge } from './passkey-challenge.ts'
import { provenLogin } from './proven-login.ts'

type Deps = Pick<ApiDeps, 'db' | 'clock' | 'settings' | 'publicUrl'>

/** Somebody's call from a browser. */
export interface PasskeyCall {
  readonly loginId: string
  readonly sessionId: string
  /** Address of the caller. */
  readonly from: string
}

/** Options for `navigator.credentials.create`. Throws where the sign-in is not minutes old. */
export async function beginRegistration(call: PasskeyCall, deps: Deps): Promise<CreationOptions> {
  const party = partyOf(deps)
  return deps.db.change(async (tx) => {
    const { person, known } = await mayRegister(tx, call, deps)
    const userHandle = known[0]?.userHandle ?? randomBytes(32).toString('base64url')
    const challenge = await newChallenge(
      tx,
      { personId: person.id, sessionId: call.sessionId, subject: SUBJECT, binding: { userHandle } },
      deps.clock.now(),
    )
    return registrationOptions({ party, person: person.label, userHandle, challenge, known })
  })
}

/** Keeps a new passkey, where the answer is to the challenge that this browser was given and the sign-in is still fresh. */
export async function finishRegistration(
  { name, answer }: { readonly name: string; readonly answer: RegistrationAnswer },
  call: PasskeyCall,
  deps: Deps,
): Promise<Passkey> {
  const party = partyOf(deps)
  const asking = await provenLogin(deps.db.read, call.loginId, deps.clock.now())
  const used = await usedChallenge(
    answer.clientDataJSON,
    { personId: asking.person.id, sessionId: call.sessionId, subject: SUBJECT },
    deps,
  )
  const registered = await verifyRegistration(answer, { party, challenge: used.challenge })
  const { userHandle } = JSON.parse(used.binding) as { readonly userHandle: string }
  return deps.db.change(async (tx) => {
    const { person } = await mayRegister(tx, call, deps)
    if ((await passkeyOfCredential(tx, registered.credentialId)) !== undefined)
      refuse('this credential is registered already')
    const passkey: Passkey = {
      id: newId('pky'),
      person: { id: person.id, label: person.label },
      userHandle,
      name,
      createdAt: deps.clock.now(),
      lastUsedAt: undefined,
      ...registered,
    }
    await addPasskey(tx, passkey, { key: keyDigest(passkey), from: call.from })
    return passkey
  })
}

/** Takes away one of the caller's own passkeys. */
export async function removeOwn(id: string, call: PasskeyCall, { db, clock }: Deps): Promise<void> {
  await db.change(async (tx) => {
    const { person } = await provenLogin(tx, call.loginId, clock.now())
    const passkey = (await passkeysOf(tx, person.id)).find((one) => one.id === id)
    if (passkey === undefined) throw new PamError('NOT_FOUND', `you have no passkey ${id}`)
    await removePasskeys(tx, [passkey], { actor: person.id, why: 'by its owner', now: clock.now(), from: call.from })
  })
}

async function mayRegister(
  reader: Reader,
  { loginId }: PasskeyCall,
  { clock, settings }: Deps,
): Promise<Pick<Login, 'person'> & { readonly known: readonly Passkey[] }> {
  const now = clock.now()
  const { person, authTime } = await provenLogin(reader, loginId, now)
  if (person.kind !== 'person') throw new PamError('NOT_ALLOWED', 'only people have passkeys')
  const newest = Math.min(FRESH_SIGN_IN_MS, settings().recentSignIn)
  if (authTime === undefined || now - authTime > newest || authTime > now + MAX_SKEW_MS)
    throw new PamError('SIGN_IN_TOO_OLD', 'registering a passkey needs a recent sign-in', {
      hint: 'sign in again, then register it',
    })
  const known = await passkeysOf(reader, person.id)
  if (known.length >= MAX_PASSKEYS)
    throw new PamError('PASSKEY_REFUSED', `you have ${MAX_PASSKEYS} passkeys, which is the limit`, {
      hint: 'remove one that you no longer use',
    })
  return { person, known }
}

/** What the audit chain says of the key, so that no other can be put in its place. */
export const keyDigest = ({ publicKey }: Passkey): string => createHash('sha256').update(publicKey).digest('hex')

const SUBJECT = 'registration'
/** Whoever finds a browser that is signed in does not add a passkey of their own. */
const FRESH_SIGN_IN_MS = 5 * 60_000
const MAX_SKEW_MS = 60_000
const MAX_PASSKEYS = 10
