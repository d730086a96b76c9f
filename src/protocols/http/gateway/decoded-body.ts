import { Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { PamError } from '../../../shared/errors.ts'
import type { UpstreamAnswer } from '../upstream/answer.ts'
import { valuesOf } from '../wire/headers.ts'

const DECODERS = {
  gzip: () => createGunzip(),
  'x-gzip': () => createGunzip(),
  br: () => createBrotliDecompress(),
  deflate: () => createInflate(),
} as const

/** A coding of content (RFC 9110, section 8.4.1). */
export type Encoding = keyof typeof DECODERS

/** How a body is compressed although nobody has asked for that; undefined where it is not. Throws for what cannot be decoded. */
export function encodingOf({ headers, body }: UpstreamAnswer): Encoding | undefined {
  const encoding = valuesOf(headers, 'content-encoding').join(',').trim().toLowerCase()
  // What a connection is coded in besides is undone by whoever asked for it (RFC 9110, section 10.1.4): nobody did, and a secret in it would pass.
  const isPlain = TRANSFERS.has(valuesOf(headers, 'transfer-encoding').join(',').trim().toLowerCase())
  if (isPlain && (encoding === 'identity' || encoding === '')) return undefined
  if (isPlain && isEncoding(encoding)) return encoding
  body.destroy()
  throw new PamError('FEATURE_REFUSED', 'the target answered in an encoding that was not asked for', {
    side: 'upstream',
  })
}

const TRANSFERS: ReadonlySet<string> = new Set(['', 'identity', 'chunked'])
const isEncoding = (text: string): text is Encoding => Object.hasOwn(DECODERS, text)

/** A body as it was before it was compressed. Fails where that is out of all proportion to what has come. */
export const decoded = (body: Readable, encoding: Encoding | undefined): Readable =>
  encoding === undefined ? body : Readable.from(decompressed(body, encoding))

async function* decompressed(body: Readable, encoding: Encoding): AsyncIterable<Buffer> {
  const decoder = DECODERS[encoding]()
  let taken = 0
  body.on('data', (chunk: Buffer) => (taken += chunk.length))
  body.once('error', (error) => decoder.destroy(error))
  let made = 0
  for await (const chunk of body.pipe(decoder) as AsyncIterable<Buffer>) {
    made += chunk.length
    if (made > FREE_BYTES && made > MAX_RATIO * taken) {
      body.destroy()
      throw new PamError('FEATURE_REFUSED', "the compression ratio of the target's answer is too high", {
        side: 'upstream',
      })
    }
    yield chunk
  }
}

/** What may come of any answer, however little that was. */
const FREE_BYTES = 16 * 1024 * 1024
/** Text is compressed to a tenth, or a hundredth where lines repeat. */
const MAX_RATIO = 250
