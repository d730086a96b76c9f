import type { Whoami, WebSession } from '../../src/api/schemas/identity.ts'
import { createApiClient, type ApiClient } from '../../src/gateway-client/api-client.ts'
import { PamError } from '../../src/shared/errors.ts'
import { createStore } from './store.ts'

export type SignIn =
  | { readonly state: 'asking' }
  | { readonly state: 'out'; readonly why?: string }
  | { readonly state: 'in'; readonly me: Whoami; readonly session: WebSession; readonly lost?: string }
  | { readonly state: 'failed'; readonly error: PamError }

/** The sign-in of this browser. `lost` says why the gateway no longer accepts its calls. */
export const signIn = createStore<SignIn>({ state: 'asking' })

let lastInput = Date.now()
for (const name of ['pointerdown', 'keydown'] as const)
  addEventListener(name, () => (lastInput = Date.now()), { capture: true, passive: true })

/** The same client as the command line's; calls carry the token against cross-site requests, which only our own pages know. */
export const api: ApiClient = createApiClient({
  gateway: location.origin,
  answers: 'trusted',
  fetch: async (input, init) => {
    const response = await fetch(input, init)
    if (response.status === 401) noteLost()
    return response
  },
  authorize: () => {
    const now = signIn.value
    return Promise.resolve({
      ...(now.state === 'in' ? { 'pam-csrf': now.session.csrf } : {}),
      // Background updates do not extend the browser's session.
      ...(Date.now() - lastInput > ACTIVE_FOR ? { 'pam-background': '1' } : {}),
    })
  },
})

export async function askWhoIsSignedIn(): Promise<void> {
  try {
    const session = await api.webSession()
    signIn.set({ state: 'in', session, me: await api.whoami() })
  } catch (error) {
    const problem = asProblem(error)
    if (problem.code === 'NOT_SIGNED_IN' || problem.code === 'IDENTITY_LOST') signIn.set({ state: 'out' })
    else signIn.set({ state: 'failed', error: problem })
  }
}

/** Whoever is locked while a page is open sees that instead of the page. */
export function askIfLocked(): void {
  api.whoami().catch((error: unknown) => {
    const problem = asProblem(error)
    if (problem.code === 'LOCKED') signIn.set({ state: 'failed', error: problem })
  })
}

export async function signOut(everywhere: boolean): Promise<void> {
  await (everywhere ? api.logoutEverywhere() : api.logout())
  others?.postMessage('signed-out')
  signIn.set({ state: 'out', why: everywhere ? 'You are signed out everywhere.' : 'You are signed out.' })
}

/** The URL that signs in and returns to this page. `fresh` asks for the password again. */
export function signInLink(to = location.pathname + location.search, fresh = false): string {
  return `/auth/sign-in?${new URLSearchParams({ to, ...(fresh ? { fresh: 'true' } : {}) }).toString()}`
}

export const asProblem = (error: unknown): PamError =>
  error instanceof PamError
    ? error
    : new PamError('INTERNAL', 'something went wrong on this page', {
        cause: error,
        hint: 'reload the page; if it happens again, tell your administrator',
      })

function noteLost(): void {
  const now = signIn.value
  if (now.state === 'in' && now.lost === undefined)
    signIn.set({ ...now, lost: 'You have been signed out. This page may be out of date.' })
}

/** Tabs tell each other about signing out. */
const others = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel('pam-session')
others?.addEventListener('message', ({ data }) => {
  if (data === 'signed-out') signIn.set({ state: 'out', why: 'You signed out in another tab.' })
})

/** Milliseconds after a click or key press during which a call counts as user activity. */
const ACTIVE_FOR = 60_000
