import { request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import type { Destination, Format } from './destination.ts'

export interface HttpOptions {
  readonly url: string
  /** Name and value of one header, read for each call. */
  readonly header?: (() => readonly [name: string, value: string]) | undefined
  /** PEM of a private authority. */
  readonly ca?: string | undefined
}

/** A POST of lines of JSON; any 2xx says that they are there. */
export const toHttps = (options: HttpOptions, format: Format): Destination => ({
  send: (records) => post(options, 'application/x-ndjson', records.map((record) => `${format(record)}\n`).join('')),
  close() {},
})

/** Throws unless the answer is 2xx. Redirects are not followed. */
export function post({ url, header, ca }: HttpOptions, type: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new URL(url).protocol === 'https:' ? requestTls : requestPlain
    const [name, value] = header?.() ?? []
    const sent = request(
      url,
      {
        method: 'POST',
        headers: {
          'content-type': type,
          'content-length': Buffer.byteLength(body),
          ...(name === undefined ? {} : { [name]: value }),
        },
        timeout: TIMEOUT,
        ...(ca === undefined ? {} : { ca }),
      },
      (response) => {
        response.resume()
        const { statusCode = 0 } = response
        response.on('end', () =>
          statusCode >= 200 && statusCode < 300 ? resolve() : reject(new Error(`the receiver answers ${statusCode}`)),
        )
        response.on('error', reject)
      },
    )
    sent.on('timeout', () => sent.destroy(new Error('the receiver does not answer in time')))
    sent.on('error', reject)
    sent.end(body)
  })
}

const TIMEOUT = 10_000
