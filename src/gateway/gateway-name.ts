import { createHmac, randomBytes } from 'node:crypto'

/**
 * What a gateway calls itself on targets, where it has to find what it has left there: 16 hexadecimal digits, the same for as long as its data
 * directory is, and no secret. A copy of the directory has the same name.
 */
export const gatewayName = (digestKey: Uint8Array): string =>
  createHmac('sha256', digestKey).update('name of the gateway').digest('hex').slice(0, 16)

/** What this process calls itself beside that: 16 hexadecimal digits that are in no file, so that a copy has others. */
export const GATEWAY_RUN: string = randomBytes(8).toString('hex')
