import { readFileSync } from 'node:fs'
import { Browser } from '../../dist/demo/browser.js'
import { DEMO_PEOPLE } from '../../dist/demo/setup.js'
import { createApiClient } from '../../dist/gateway-client/api-client.js'
import { fetchWithCa } from '../../dist/shared/fetch-with-ca.js'
import { signInWithDevice } from '../../dist/gateway-client/login.js'
import { issuersOf } from '../../dist/gateway-client/sign-in-issuers.js'
import { createProver } from '../../dist/gateway-client/prover.js'

/** The API as one of the demo's people, signed in now. */
export async function apiAs(who, gateway, certificate) {
  const fetch = fetchWithCa(certificate && readFileSync(certificate, 'utf8'))
  return createApiClient({ gateway, fetch, authorize: await headersAs(who, gateway, fetch), answers: 'trusted' })
}

/** Makes the headers that authorise a call, as one of the demo's people, signed in now without an agent. */
export async function headersAs(who, gateway, fetch) {
  const prover = await createProver()
  const discovery = await createApiClient({ gateway, fetch, answers: 'trusted' }).discover()
  const tokens = await signInWithDevice(issuersOf(discovery)[0], {
    fetch: globalThis.fetch,
    fresh: true,
    signal: AbortSignal.timeout(20_000),
    show: ({ completeUrl }) => void new Browser().signIn(completeUrl ?? '', DEMO_PEOPLE[who]),
  })
  const unproven = async (method, url) => ({ dpop: await prover.prove(method, url) })
  const api = createApiClient({ gateway, fetch, authorize: unproven, answers: 'trusted' })
  const { accessToken } = await api.token(tokens.identityToken)
  return async (method, url) => ({
    authorization: `DPoP ${accessToken}`,
    dpop: await prover.prove(method, url, accessToken),
  })
}
