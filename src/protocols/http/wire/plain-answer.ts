import { STATUS_CODES } from 'node:http'
import type { PlainAnswer } from './http2-frames.ts'

/** A whole answer of HTTP/1.1 that ends its connection. */
export function plainAnswer({ status, contentType, body }: PlainAnswer): Buffer {
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
    `Content-Type: ${contentType}`,
    `Content-Length: ${body.length}`,
    'Connection: close',
    '',
    '',
  ].join('\r\n')
  return Buffer.concat([Buffer.from(head), body])
}
