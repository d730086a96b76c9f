import { createHmac } from 'node:crypto'

/**
 * What a gateway calls itself on targets, where it has to find what it has left there: 16 hexadecimal digits, the same for as long as its data
 * directory is, and no secret.
 */
export const gatewayName = (digestKey: Uint8Array): string =>
  createHmac('sha256', digestKey).update('name of the gateway').digest('hex').slice(0, 16)
