import { createServer } from 'node:http'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'

/** An OpenID provider that signs in jane without asking anybody, and sends logout tokens when it is told to. */
export async function startLogoutProvider() {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256', use: 'sig' }
  let url = ''
  let count = 0
  const nonces = new Map()
  const sign = (claims) =>
    new SignJWT({ iss: url, aud: CLIENT, sub: 'jane', jti: `t${count++}`, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey)
  const answers = {
    '/jwks': () => ({ keys: [jwk] }),
    '/.well-known/openid-configuration': () => ({
      issuer: url,
      jwks_uri: `${url}/jwks`,
      token_endpoint: `${url}/token`,
      authorization_endpoint: `${url}/authorize`,
      device_authorization_endpoint: `${url}/device`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
      code_challenge_methods_supported: ['S256'],
      grant_types_supported: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
    }),
    '/device': () => ({
      device_code: `d${count++}`,
      user_code: 'AAAA-BBBB',
      verification_uri: `${url}/nowhere`,
      expires_in: 60,
      interval: 1,
    }),
    '/token': async (form) => ({
      access_token: 'none',
      token_type: 'Bearer',
      refresh_token: `r${count++}`,
      id_token: await sign({ auth_time: Math.floor(Date.now() / 1000), nonce: nonces.get(form.get('code')) }),
    }),
  }
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', url)
    let body = ''
    request.setEncoding('utf8').on('data', (text) => (body += text))
    request.on('end', async () => {
      if (pathname === '/authorize') {
        const code = `c${count++}`
        nonces.set(code, searchParams.get('nonce') ?? undefined)
        const to = new URL(searchParams.get('redirect_uri') ?? '')
        to.search = new URLSearchParams({ code, state: searchParams.get('state') ?? '', iss: url }).toString()
        return void response.writeHead(303, { location: to.href }).end()
      }
      const answer = await answers[pathname]?.(new URLSearchParams(body))
      response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(answer ?? {}))
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${server.address().port}`
  return {
    url,
    clientId: CLIENT,
    /** OpenID Connect Back-Channel Logout 1.0, section 2.4. */
    logoutToken: () => sign({ events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }),
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

const CLIENT = 'pamctl'
