import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { Readable } from 'node:stream'

/**
 * `fetch` that trusts a private authority: what the built-in one cannot be told before Node 24. Answers come as they are
 * sent; follows no redirects. Libraries of OpenID (openid-client, jose) take a `fetch` and read a `Response`: for these it is; calls of our own to
 * the gateway are made by `httpCall`, which is loaded sooner.
 */
export function fetchWithCa(ca: string | undefined): typeof fetch {
  if (ca === undefined) return fetch
  return async (input, init) => {
    const asked = new Request(input, init)
    const url = new URL(asked.url)
    const sent = asked.body === null ? undefined : Buffer.from(await asked.arrayBuffer())
    return new Promise<Response>((resolve, reject) => {
      const options = { method: asked.method, headers: Object.fromEntries(asked.headers), signal: asked.signal, ca }
      const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, options, (response) => {
        const status = response.statusCode ?? 500
        const headers = new Headers()
        for (const [name, value] of Object.entries(response.headers)) headers.set(name, [value ?? ''].flat().join(', '))
        const isEmpty = status === 204 || status === 304
        if (isEmpty) response.resume()
        const body = isEmpty ? null : (Readable.toWeb(response) as ReadableStream<Uint8Array>)
        resolve(new Response(body, { status, headers }))
      })
      request.on('error', reject)
      // Without an answer, as where it was an upgrade that nobody asked for.
      request.on('close', () => reject(new TypeError('the server closed the connection before it had answered')))
      request.end(sent)
    })
  }
}
