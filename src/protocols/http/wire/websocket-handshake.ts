import { createHash } from 'node:crypto'

/** What the server answers to the key of a client. Spec: RFC 6455, section 4.2.2. */
export const acceptOf = (key: string): string =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')

/** 16 bytes in base64. */
export const isWebSocketKey = (key: string): boolean => /^[A-Za-z0-9+/]{21}[AQgw]==$/.test(key)
